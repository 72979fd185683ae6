"""One chat: its events, its messages and its members."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from enum import Enum
from typing import Any, cast
from urllib.parse import quote

from .api import API
from .connection import Connection
from .errors import CHAT_NOT_FOUND, CLOSED, EPOCH_CHANGED, ChatError
from .feed import ChatFeed
from .models import (
    ChatWithMessages,
    Event,
    LogPage,
    Member,
    MemberPage,
    Message,
    MessagePage,
    Metadata,
    ReadMarker,
    Role,
)
from .outbox import Pending
from .place import Place
from .reply import Reply
from .sender import Sender
from .store import Store

UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class _Unchanged(Enum):
    UNCHANGED = "unchanged"


UNCHANGED = _Unchanged.UNCHANGED


class Chat:
    """A handle of a chat, which `ChatClient.chat` returns. It does not check that the chat exists.

    Reads are tried again until there is a response; cancel the task, or use `asyncio.timeout`, to give up. Changes
    are made once. All raise `ChatError`.
    """

    def __init__(
        self, id: int, api: API, connection: Connection, sender: Sender, store: Store, replies: dict[int, Reply]
    ) -> None:
        self.id = id
        self._api = api
        self._connection = connection
        self._sender = sender
        self._store = store
        self._replies = replies
        self._path = f"/chats/{id}"

    async def events(self, *, after: int | str | None = None) -> AsyncGenerator[Event, None]:
        """Yields each entry of the log once, in order, with none missing, as well as other events, until the chat ends.

        `after` is a position, as a number or as `"epoch.seq"`; without one, the position in the store, or now. An
        event counts as handled, and its position is stored, when you ask for the next one. `caught_up` comes after
        each connection has sent what existed, `reset` when positions have become invalid: discard what you have, and
        the log is sent from its start. The last event is `chat.deleted`, also if you may no longer read the chat.

        Break, cancel the task or close the generator to stop. Another iteration of the same chat ends this one.
        """
        name = f"position/{self.id}"
        stored = await self._store.get(name) if after is None else None
        place = Place.parse(after) if after is not None else Place.parse(stored) if stored is not None else None
        if after is not None:
            await self._store.set(name, str(place))
        feed = ChatFeed(self.id, place, self._observe)
        self._connection.follow(feed)
        try:
            while (taken := await self._next(feed)) is not None:
                event, place = taken
                yield event
                # What the application sends because of an event must not be lost if it is killed after that.
                await self._sender.save()
                if place is not None:
                    await self._store.set(name, str(place))
        finally:
            self._connection.unfollow(feed)

    def send(
        self,
        text: str,
        *,
        reply_to: int | None = None,
        metadata: Metadata | None = None,
        key: str | None = None,
    ) -> Pending:
        """Queues a message and returns at once; `await chat.send(…).wait()` waits until the server has it.

        Messages of a chat are sent one after another, in order, and each is posted exactly once, even if the
        application is killed and continues with the same store. `reply_to` is the id of a message.

        `key` is the idempotency key, a UUID by default. Name it after what you react to, and you react only once, even
        if you handle an event again after a crash: the key of an unsent message returns that message, and sends it
        again if it has failed. With another content, the new message fails with `idempotency_key_reused`.

        Raises `ChatError` if the client is closed.
        """
        return self._sender.send(Pending(self.id, text, key=key, reply_to=reply_to, metadata=metadata))

    def reply(
        self,
        *,
        reply_to: int | None = None,
        metadata: Metadata | None = None,
        ttl: int = 60,
        key: str | None = None,
    ) -> Reply:
        """Writes a message piece by piece: `async with chat.reply() as reply: await reply.write("…")`.

        Readers see each piece as it arrives, and no piece gets lost or appears twice while the network fails or the
        server restarts. `ttl` (5 to 600) is how many seconds of silence, for example after a crash of this program, the
        server accepts before it ends the message as `failed`; while the block runs, the client sees to that.

        With the `key` of an open message, the block writes this message again from its start. If the message with the
        key has ended, the first `write` ends the block, so that you reply only once.
        """
        return Reply(
            self.id, self._api, self._replies, reply_to=reply_to, metadata=metadata, ttl=ttl, key=key
        )

    async def cancel(self, message: int) -> None:
        """Asks the writer of an open message, named by its id, to stop. The server ends the message 5 seconds later."""
        await self._api.change("POST", f"{self._path}/messages/{message}/cancel")

    @property
    def pending(self) -> list[Pending]:
        """The messages that are not sent yet or have failed, in order."""
        return list(self._sender.outbox)

    def retry(self, pending: Pending) -> None:
        """Queues a failed message again, after those that are pending."""
        self._sender.retry(pending)

    def discard(self, pending: Pending) -> None:
        """Removes an unsent message; if its request has already left, the chat may get it all the same."""
        self._sender.discard(pending)

    async def get(self, *, limit: int | None = None) -> ChatWithMessages:
        """Reads the chat with its latest messages, 20 unless you set `limit` (1 to 100)."""
        return cast(ChatWithMessages, await self._api.get(self._path, limit=limit))

    async def messages(
        self,
        *,
        before: int | str | None = None,
        after: int | str | None = None,
        around: int | str | None = None,
        limit: int | None = None,
    ) -> MessagePage:
        """Reads a page of messages by position, deleted ones included; by default, the latest page."""
        path = f"{self._path}/messages/"
        return cast(MessagePage, await self._api.get(path, before=before, after=after, around=around, limit=limit))

    async def log(self, *, after: int | str = 0, limit: int | None = None) -> LogPage:
        """Reads a page of the log after a position."""
        return cast(LogPage, await self._api.get(f"{self._path}/log", after=after, limit=limit))

    async def edit(
        self,
        message: int,
        *,
        text: str | _Unchanged = UNCHANGED,
        metadata: Metadata | None | _Unchanged = UNCHANGED,
        revision: int | None = None,
    ) -> Message:
        """Changes a message, named by its id; None as metadata removes it.

        With `revision`, only that revision is changed; `revision_mismatch` means that there is another.
        """
        changes = {"text": text, "metadata": metadata}
        body = {name: value for name, value in changes.items() if value is not UNCHANGED}
        path = f"{self._path}/messages/{message}"
        return cast(Message, await self._api.change("PATCH", path, body, _if_match(revision)))

    async def delete(self, message: int, *, revision: int | None = None) -> None:
        """Deletes a message, named by its id. It keeps its position.

        With `revision`, only that revision is deleted; `revision_mismatch` means that there is another.
        """
        await self._api.change("DELETE", f"{self._path}/messages/{message}", headers=_if_match(revision))

    async def typing(self, metadata: Metadata | None = None) -> None:
        """Shows the others that someone is typing."""
        await self._api.change("POST", f"{self._path}/typing", {} if metadata is None else {"metadata": metadata})

    async def read(self, seq: int, *, back: bool = False) -> ReadMarker:
        """Moves the user's read marker to a position; without `back`, only forward."""
        body: dict[str, Any] = {"seq": seq, "back": True} if back else {"seq": seq}
        return cast(ReadMarker, await self._api.change("PUT", f"{self._path}/read", body))

    async def members(self, *, cursor: str | None = None, limit: int | None = None) -> MemberPage:
        """Reads a page of the members; pass its `next_cursor` as `cursor` to get the next one."""
        return cast(MemberPage, await self._api.get(f"{self._path}/members", cursor=cursor, limit=limit))

    async def add_members(self, users: Sequence[str], role: Role = "member") -> list[Member]:
        """Adds up to 100 users. Members keep their roles."""
        body = {"users": list(users), "role": role}
        return cast(list[Member], (await self._api.change("POST", f"{self._path}/members", body))["members"])

    async def remove_member(self, user: str) -> None:
        """Removes a member; with your own id, you leave."""
        await self._api.change("DELETE", f"{self._path}/members/{quote(user, safe='')}")

    async def _next(self, feed: ChatFeed) -> tuple[Event, Place | None] | None:
        while (taken := feed.take()) is None:
            if feed.error is not None:
                raise feed.error
            if feed.has_ended:
                return None
            if feed.is_behind:
                await self._read_log(feed)
            else:
                feed.changed.clear()
                await feed.changed.wait()
        return taken

    async def _read_log(self, feed: ChatFeed) -> None:
        place = feed.place
        assert place is not None
        try:
            feed.add_page(place, await self.log(after=str(place), limit=100))
        except ChatError as error:
            if error.code == CHAT_NOT_FOUND:
                feed.delete()
            elif error.code == EPOCH_CHANGED:
                epoch = (await self.log(limit=1))["epoch"]
                if feed.place == place:
                    feed.reset(epoch)
            elif error.code != CLOSED:
                raise

    def _observe(self, event: Event) -> None:
        message = event.get("message")
        id = event.get("message_id") if message is None else message["id"]
        if id is not None and (reply := self._replies.get(id)) is not None:
            reply.observe(event)
        # Keys are unique per author: one that the application chose may also be another author's.
        if message is not None and UUID.fullmatch(message.get("idempotency_key", "")):
            self._sender.settle(message["idempotency_key"], message)


def _if_match(revision: int | None) -> dict[str, str]:
    return {} if revision is None else {"If-Match": f'"{revision}"'}
