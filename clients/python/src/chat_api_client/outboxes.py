"""The unsent messages of all chats, in the store."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable

from .outbox import Outbox, Pending
from .store import Store

NAME = "outbox"

logger = logging.getLogger(__name__)


class Outboxes:
    """Keeps the outbox of each chat, and all of them under one name in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._outboxes: dict[int, Outbox] = {}
        self.is_sealed = False
        self._is_saved = True
        # A store may take a while: an earlier state must not overwrite a later one.
        self._saving = asyncio.Lock()
        self._reports: list[Callable[[], None]] = []
        self._background: asyncio.Task[None] | None = None

    def __getitem__(self, chat_id: int) -> Outbox:
        return self._outboxes.setdefault(chat_id, Outbox())

    async def load(self) -> list[int]:
        """Reads the messages that an earlier client left unsent, and returns their chats."""
        for value in json.loads(await self._store.get(NAME) or "[]"):
            pending = Pending.from_json(value)
            self[pending.chat_id].add(pending)
        return list(self._outboxes)

    def changed(self, report: Callable[[], None] = lambda: None) -> None:
        """Saves soon, and then reports: what the application knows must not be undone if it is killed."""
        self._is_saved = False
        self._reports.append(report)
        if self._background is None or self._background.done():
            self._background = asyncio.create_task(self._save_and_report())

    async def save(self) -> None:
        """Returns once the current state is in the store."""
        async with self._saving:
            if self._is_saved:
                return
            self._is_saved = True
            messages = [pending.to_json() for outbox in self._outboxes.values() for pending in outbox]
            try:
                await self._store.set(NAME, json.dumps(messages) if messages else None)
            except BaseException:
                self._is_saved = False
                raise

    def seal(self) -> None:
        """Accepts no more messages: nobody would send them."""
        self.is_sealed = True

    async def close(self) -> None:
        """Returns once everything is saved and reported."""
        if self._background is not None:
            await self._background
        await self.save()

    async def _save_and_report(self) -> None:
        while self._reports:
            reports, self._reports = self._reports, []
            try:
                await self.save()
            except Exception:
                # Nothing is sent before it is saved, so the next message fails for this reason.
                logger.warning("Unsent messages could not be saved", exc_info=True)
            for report in reports:
                report()
