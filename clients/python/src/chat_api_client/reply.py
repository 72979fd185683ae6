"""A message that is written while it is read."""

from __future__ import annotations

import asyncio
import uuid
from types import TracebackType
from typing import Any, Literal, Self, cast

from .api import API
from .draft import Draft
from .errors import (
    CHAT_NOT_FOUND,
    MESSAGE_NOT_FOUND,
    MESSAGE_NOT_OPEN,
    OFFSET_MISMATCH,
    ChatError,
    ReplyCancelled,
)
from .models import Event, Message, Metadata

# Characters that may be unsent before `write` waits.
MAX_UNSENT = 16_384
# Seconds in which a block that was left with an error or canceled ends its message. The lease ends it otherwise.
END_TIMEOUT = 5.0
GONE = (CHAT_NOT_FOUND, MESSAGE_NOT_FOUND)


class Reply:
    """A message whose text grows, which `Chat.reply` returns. Use it with `async with`.

    The block starts with an empty message that is `open`. Left normally, it ends the message as `done`; left by an
    exception, as `failed` with the name of the exception's class as the reason; and if its task is canceled, as
    `cancelled`. If the program is killed, the server ends the message as `failed` after `ttl` seconds.
    """

    def __init__(
        self,
        chat_id: int,
        api: API,
        replies: dict[int, Reply],
        *,
        reply_to: int | None,
        metadata: Metadata | None,
        ttl: int,
        key: str | None,
    ) -> None:
        """`replies` are the open replies of the client, by the ids of their messages."""
        # Set once nobody waits for the rest: the reply was canceled, or it has ended or was deleted.
        self.cancelled = asyncio.Event()
        self._messages = f"/chats/{chat_id}/messages/"
        self._api = api
        self._replies = replies
        optional = {"reply_to": reply_to, "metadata": metadata}
        self._body: dict[str, Any] = {"open": True, "ttl": ttl}
        self._body |= {name: value for name, value in optional.items() if value is not None}
        self._key = key or str(uuid.uuid4())
        # A third of the lease, so that one lost attempt does not cost it.
        self._interval = ttl / 3
        self._draft = Draft()
        self._message: Message | None = None
        self._status: str | None = None
        self._sent_status: str | None = None
        self._written = asyncio.Event()
        self._progress = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._error: Exception | None = None

    @property
    def message(self) -> Message:
        """The message as it was opened and, after the block, as it has ended.

        Its `state` says whether it was completed. If it was deleted meanwhile, this is what is known of it.
        """
        assert self._message is not None, "the block has not started"
        return self._message

    async def write(self, text: str) -> None:
        """Adds to the text. It waits only if much is unsent; the text is sent in the background.

        Raises `ReplyCancelled` once somebody has canceled the reply, which ends the block; `ChatError` if the server
        has rejected the text, for example because it is too long; and `ValueError` for text that is not Unicode.
        """
        self._check()
        text.encode()  # Half of a surrogate pair cannot be sent.
        self._draft.add(text)
        self._status = None
        self._written.set()
        # Lets the text be sent although the application may have every token at once.
        await asyncio.sleep(0)
        await self._send_until(MAX_UNSENT)

    def status(self, text: str) -> None:
        """Shows the readers what the reply waits for, such as `"Searching"`, until the next `write`."""
        self._check()
        self._status = text
        self._written.set()

    async def __aenter__(self) -> Self:
        """Posts the message. An earlier message with the same key is continued if it is open."""
        self._message = cast(Message, await self._api.post_once(self._messages, self._body, self._key))
        self._path = f"{self._messages}{self._message['id']}"
        if self._message.get("state") == "open":
            self._replies[self._message["id"]] = self
            self._work = asyncio.create_task(self._send())
        else:
            self.cancelled.set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        is_own = isinstance(error, ReplyCancelled) and error.message_id == self.message["id"]
        if self._work is None:
            return is_own
        reason = None if is_own else error
        try:
            if error is None:
                await self._send_until(0)
                reason = self._error
            if reason is None:
                await self._end("cancelled" if is_own or self._draft.unsent else "done")
        except (asyncio.CancelledError, ChatError) as late:
            reason = late
        if reason is None:
            return is_own
        await self._give_up(reason)
        if reason is not error:
            raise reason
        return False

    def observe(self, event: Event) -> None:
        """Notes an event about the message, which may arrive before the response to the next piece."""
        if event["type"] == "message.cancel_requested" or event["message"].get("state") != "open":
            self._cancel()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self.cancelled.is_set():
            raise ReplyCancelled(self.message["id"])

    def _cancel(self) -> None:
        self.cancelled.set()
        self._progress.set()

    async def _send_until(self, unsent: int) -> None:
        while self._draft.unsent > unsent and self._error is None and not self.cancelled.is_set():
            self._progress.clear()
            await self._progress.wait()

    async def _send(self) -> None:
        try:
            while not self.cancelled.is_set():
                await self._wait_for_work()
                await self._append()
                self._progress.set()
        except Exception as error:
            if isinstance(error, ChatError) and error.code in (MESSAGE_NOT_OPEN, *GONE):
                self._cancel()
            else:
                self._error = error
                self._progress.set()

    async def _append(self) -> None:
        at, text = self._draft.next()
        status = self._status
        body = {"text": text} if status is None else {"text": text, "status": status}
        try:
            receipt = await self._api.repeat(
                "POST", f"{self._path}/text", body, parameters={"at": at}, interval=self._interval
            )
        except ChatError as error:
            if error.code != OFFSET_MISMATCH:
                raise
            self._draft.reject(at, error.length)
        else:
            self._draft.acknowledge(at + len(text), receipt["length"], receipt["stored"])
            self._sent_status = status
            if receipt["cancel_requested"]:
                self._cancel()

    async def _wait_for_work(self) -> None:
        if self._draft.unsent or self._status != self._sent_status:
            return
        self._written.clear()
        try:
            async with asyncio.timeout(self._interval):
                await self._written.wait()
        except TimeoutError:
            pass  # The next append renews the lease.

    async def _give_up(self, error: BaseException) -> None:
        """Ends the message soon, or leaves that to the server."""
        is_cancelled = isinstance(error, (asyncio.CancelledError, GeneratorExit, ReplyCancelled))
        try:
            async with asyncio.timeout(END_TIMEOUT):
                await self._end("cancelled" if is_cancelled else "failed", None if is_cancelled else type(error).__name__)
        except (ChatError, TimeoutError):
            pass

    async def _end(self, state: Literal["done", "failed", "cancelled"], reason: str | None = None) -> None:
        await self._stop()
        body: dict[str, Any] = {"state": state} if reason is None else {"state": state, "reason": reason}
        text = {} if self._draft.is_stored else {"text": self._draft.text}
        try:
            self._message = await self._patch(body | text)
        except ChatError as error:
            if error.code == MESSAGE_NOT_OPEN:
                self._message = cast(Message, await self._api.get(self._path))
            elif error.status in (413, 422) and text:
                # The text is too large for one request, or was rejected before: the server's has to do.
                self._message = await self._patch(body)
            elif error.code not in GONE:
                raise

    async def _stop(self) -> None:
        self._replies.pop(self.message["id"], None)
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])

    async def _patch(self, body: dict[str, Any]) -> Message:
        return cast(Message, await self._api.repeat("PATCH", self._path, body, interval=self._interval))
