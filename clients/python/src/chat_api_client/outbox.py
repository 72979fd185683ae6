"""Messages that are not sent yet."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any, Literal

from .errors import CLOSED, DISCARDED, IDEMPOTENCY_KEY_REUSED, ChatError
from .models import Message, Metadata


class Pending:
    """A message handed to `send`. Once it is `sent`, it has a `message`; once it has `failed`, an `error`."""

    def __init__(
        self,
        chat_id: int,
        text: str,
        *,
        key: str | None = None,
        reply_to: int | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        self.chat_id = chat_id
        self.text = text
        self.key = key or str(uuid.uuid4())
        self.reply_to = reply_to
        self.metadata = metadata
        self.status: Literal["pending", "sent", "failed"] = "pending"
        self.message: Message | None = None
        self.error: ChatError | None = None
        self._changed = asyncio.Event()
        self._is_abandoned = False

    async def wait(self) -> Message:
        """Returns the message once it is sent; raises its `ChatError` if it fails. Canceling stops only the wait.

        If the client is closed first, the message stays `pending`, and the code of the error is `client_closed`.
        """
        while self.status == "pending":
            if self._is_abandoned:
                raise ChatError(CLOSED, "The client was closed before the message was sent")
            self._changed.clear()
            await self._changed.wait()
        if self.message is not None:
            return self.message
        assert self.error is not None
        raise self.error

    def body(self) -> dict[str, Any]:
        """The body of the request, the same in each attempt."""
        optional = {"reply_to": self.reply_to, "metadata": self.metadata}
        return {"text": self.text, **{name: value for name, value in optional.items() if value is not None}}

    def settle(self, message: Message) -> None:
        self.status, self.message, self.error = "sent", message, None
        self._changed.set()

    def fail(self, error: ChatError) -> None:
        self.status, self.error = "failed", error
        self._changed.set()

    def requeue(self) -> None:
        """Makes a failed message pending again, with the same key unless another message has used that."""
        if self.error is not None and self.error.code == IDEMPOTENCY_KEY_REUSED:
            self.key = str(uuid.uuid4())
        self.status, self.error = "pending", None

    def abandon(self) -> None:
        """Ends all waits for a pending message, which another client may send."""
        self._is_abandoned = True
        self._changed.set()

    def to_json(self) -> dict[str, Any]:
        error = self.error and {
            "code": self.error.code,
            "detail": self.error.detail,
            "status": self.error.status,
            "request_id": self.error.request_id,
        }
        return {"chat_id": self.chat_id, "key": self.key, "body": self.body(), "error": error}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Pending:
        pending = cls(value["chat_id"], key=value["key"], **value["body"])
        if (error := value["error"]) is not None:
            pending.fail(ChatError(**error))
        return pending


class Outbox:
    """The pending and failed messages of one chat, in order. Keys are unique in it."""

    def __init__(self) -> None:
        self._messages: dict[str, Pending] = {}

    def __iter__(self) -> Iterator[Pending]:
        return iter(list(self._messages.values()))

    def add(self, pending: Pending) -> Pending:
        """Queues a message, or returns the unsent one that has its key.

        If that one has another text, metadata or reply, the message fails and is returned.
        """
        present = self._messages.setdefault(pending.key, pending)
        if present.body() == pending.body():
            return present
        pending.fail(ChatError(IDEMPOTENCY_KEY_REUSED, "Another message that is not sent yet has this key"))
        return pending

    def next(self) -> Pending | None:
        """The message to send now; the ones that failed do not hold up the others."""
        return next((pending for pending in self._messages.values() if pending.status == "pending"), None)

    def remove(self, key: str) -> Pending | None:
        """Removes a message, which the server has now; None if it was removed before."""
        return self._messages.pop(key, None)

    def fail(self, key: str, error: ChatError) -> Pending | None:
        """Keeps a message for the application to retry or discard; None if it was removed before."""
        if (pending := self._messages.get(key)) is not None:
            pending.fail(error)
        return pending

    def retry(self, pending: Pending) -> bool:
        """Queues a failed message again, after the others; False if it has not failed."""
        if self._messages.get(pending.key) is not pending or pending.status != "failed":
            return False
        del self._messages[pending.key]
        pending.requeue()
        self._messages[pending.key] = pending
        return True

    def discard(self, pending: Pending) -> bool:
        """Removes a message; False if it was removed before."""
        if self._messages.get(pending.key) is not pending:
            return False
        del self._messages[pending.key]
        pending.fail(ChatError(DISCARDED, "The message was discarded"))
        return True
