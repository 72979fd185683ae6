"""Why the client cannot do its work at the moment."""

from __future__ import annotations

import logging

from .errors import ChatError

logger = logging.getLogger(__package__)


class Outage:
    """Logs each reason for which an attempt fails, once, until an attempt succeeds."""

    def __init__(self) -> None:
        self._reasons: set[tuple[int, str]] = set()

    def note(self, what: str, error: ChatError) -> None:
        """Notes that something will be tried again, and why."""
        reason = (error.status, error.code)
        if reason not in self._reasons:
            self._reasons.add(reason)
            logger.warning("%s, trying again: %s", what, error)

    def end(self) -> None:
        """Notes a success: the next failure is news again."""
        self._reasons.clear()
