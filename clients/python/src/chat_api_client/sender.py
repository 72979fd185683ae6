"""Sends the messages of one chat, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .api import API
from .errors import CLOSED, IDEMPOTENCY_KEY_REUSED, STORE_FAILED, ChatError
from .models import Message
from .outbox import Pending
from .outboxes import Outboxes


class Sender:
    """The queue of one chat. A message keeps its key until the server responds or the stream brings it."""

    def __init__(self, chat_id: int, api: API, outboxes: Outboxes, on_change: Callable[[Pending], None]) -> None:
        """`on_change` is called for each change of a message's status."""
        self.outbox = outboxes[chat_id]
        self._api = api
        self._outboxes = outboxes
        self._on_change = on_change
        self._work: asyncio.Task[None] | None = None
        self._delivery: asyncio.Task[None] | None = None
        self._current: Pending | None = None

    def resume(self) -> None:
        """Sends what the store had."""
        for pending in self.outbox:
            self._on_change(pending)
        self._continue()

    def send(self, pending: Pending) -> Pending:
        self._check_open()
        present = self.outbox.add(pending)
        if present.error is None:
            if present is pending:
                self._queue(pending)
        elif present.error.code != IDEMPOTENCY_KEY_REUSED:
            # The application reacts to the same event again. A key that another message has used stays used.
            self.retry(present)
        return present

    def retry(self, pending: Pending) -> None:
        self._check_open()
        if self.outbox.retry(pending):
            self._queue(pending)

    def discard(self, pending: Pending) -> None:
        if self.outbox.discard(pending):
            self._outboxes.changed()
            self._interrupt(pending)

    def settle(self, key: str, message: Message) -> None:
        """Notes that the server has a message with this key."""
        if (pending := self.outbox.remove(key)) is not None:
            self._interrupt(pending)
            self._outboxes.changed(lambda: self._report_sent(pending, message))

    async def save(self) -> None:
        """Returns once what was sent is in the store; raises `ChatError` with the code `store_failed`."""
        try:
            await self._outboxes.save()
        except Exception as error:
            raise ChatError(STORE_FAILED, str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Stops. What is not sent stays in the store."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])
        for pending in self.outbox:
            pending.abandon()

    def _check_open(self) -> None:
        if self._outboxes.is_sealed:
            raise ChatError(CLOSED, "The client is closed")

    def _queue(self, pending: Pending) -> None:
        self._outboxes.changed()
        self._on_change(pending)
        self._continue()

    def _report_sent(self, pending: Pending, message: Message) -> None:
        pending.settle(message)
        self._on_change(pending)

    def _continue(self) -> None:
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._send_all())

    def _interrupt(self, pending: Pending) -> None:
        if self._current is pending and self._delivery is not None:
            self._delivery.cancel()

    async def _send_all(self) -> None:
        while (pending := self.outbox.next()) is not None:
            self._current = pending
            self._delivery = asyncio.create_task(self._deliver(pending))
            try:
                await asyncio.wait([self._delivery])
            finally:
                self._delivery.cancel()
                await asyncio.wait([self._delivery])
            # A delivery that was interrupted leaves its message settled or discarded; an error in it is a bug.
            if not self._delivery.cancelled():
                self._delivery.result()

    async def _deliver(self, pending: Pending) -> None:
        path = f"/chats/{pending.chat_id}/messages/"
        try:
            # If the application is killed during the request, the next client must repeat it with the same key.
            await self.save()
            message = await self._api.post_once(path, pending.body(), pending.key)
        except ChatError as error:
            self._current = None
            if self.outbox.fail(pending.key, error) is not None:
                self._outboxes.changed()
                self._on_change(pending)
        else:
            self._current = None
            self.settle(pending.key, message)
