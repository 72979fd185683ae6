"""The credential of the requests."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable

from .errors import CLOSED, TOKEN_UNAVAILABLE, ChatError

# Longer than a request takes, plus the clock difference that the server accepts.
RENEWAL = 60.0

TokenCallback = Callable[[], Awaitable[str | None]]


class Tokens:
    """Keeps the token that the application's callback returned, and calls it once for all who wait.

    None is a token, too: that of open mode.
    """

    def __init__(self, fetch: TokenCallback | None, now: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._now = now
        self._token: str | None = None
        self._expires: float | None = None
        # Without a callback, None is all there will ever be.
        self._is_known = fetch is None
        self._call: asyncio.Task[str | None] | None = None

    async def get(self) -> str | None:
        """Returns the token; calls the application if there is none, or if it expires within 60 seconds.

        Raises `ChatError` with the code `token_unavailable` if the callback raises.
        """
        if self._is_known and (self._expires is None or self._now() < self._expires - RENEWAL):
            return self._token
        if self._call is None:
            self._call = asyncio.create_task(self._renew())
            # An error must not be reported as lost if all who waited for the token were canceled.
            self._call.add_done_callback(lambda call: call.cancelled() or call.exception())
        # Another caller may still wait when this one is canceled.
        return await asyncio.shield(self._call)

    @property
    def can_renew(self) -> bool:
        """Whether the application has a callback."""
        return self._fetch is not None

    def reject(self, token: str | None) -> None:
        """Notes that the server did not accept a token. It does nothing if there is a newer one."""
        if token == self._token and self.can_renew:
            self._is_known = False

    def close(self) -> None:
        """Cancels a call of the application."""
        if self._call is not None:
            self._call.cancel()

    async def _renew(self) -> str | None:
        assert self._fetch is not None
        try:
            token = await self._fetch()
        except Exception as error:
            raise ChatError(TOKEN_UNAVAILABLE, str(error) or type(error).__name__) from error
        except asyncio.CancelledError as error:
            # Canceling those who wait does not cancel this task; only `close` does.
            raise ChatError(CLOSED, "The client is closed") from error
        finally:
            self._call = None
        self._token, self._expires, self._is_known = token, expiry(token), True
        return token


def expiry(token: str | None) -> float | None:
    """The `exp` of a JWT, in seconds since 1970; None for anything else. The signature is not verified."""
    parts = (token or "").split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (ValueError, KeyError, TypeError):
        return None
