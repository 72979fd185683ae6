"""The one stream of a client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal, cast

from .api import API, Parameters
from .backoff import Delay
from .errors import CHAT_NOT_FOUND, VALIDATION_FAILED, ChatError
from .feed import ChatFeed, InboxFeed, epoch_of
from .lines import Lines
from .models import Event, LogPage

Status = Literal["idle", "offline", "connecting", "catching_up", "live"]

# The server's limit for a stream that contains the inbox, which may be added at any time.
MAX_FOLLOWED = 50
# How many heartbeats may fail to arrive before the connection counts as dead.
MISSED_HEARTBEATS = 2.5

AT_ONCE = Delay(0.0)


class Connection:
    """Streams the inbox and the followed chats, and replaces the stream when that set changes."""

    def __init__(self, api: API, timeout: float, on_status: Callable[[Status], None]) -> None:
        """`timeout`, in seconds, is how long the server may take for its first line."""
        self.status: Status = "idle"
        self._api = api
        self._timeout = timeout
        self._on_status = on_status
        self._chats: dict[int, ChatFeed] = {}
        self._inbox: InboxFeed | None = None
        self._backoff = api.new_backoff()
        self._work: asyncio.Task[None] | None = None
        self._stream: asyncio.Task[Delay] | None = None
        self._state: Status = "connecting"
        # The epoch of the current stream, once it has started.
        self._epoch: str | None = None
        # Whether a new token was tried since the last stream that caught up.
        self._has_renewed_token = False

    def follow(self, feed: ChatFeed) -> None:
        """Adds a chat, and ends an earlier iteration of it. Raises `ValueError` if there are too many chats."""
        # An iteration that was left with `break` releases its chat only in the next turn.
        if (earlier := self._chats.pop(feed.chat_id, None)) is not None:
            earlier.end()
        elif len(self._chats) == MAX_FOLLOWED:
            raise ValueError(f"a client follows at most {MAX_FOLLOWED} chats")
        self._chats[feed.chat_id] = feed
        self._replace()

    def unfollow(self, feed: ChatFeed) -> None:
        """Releases a chat, unless a later iteration has it."""
        if self._chats.get(feed.chat_id) is feed:
            del self._chats[feed.chat_id]
            self._replace()

    def follow_inbox(self, feed: InboxFeed) -> None:
        """Adds the inbox, and ends an earlier iteration of it."""
        if self._inbox is not None:
            self._inbox.end()
        self._inbox = feed
        self._replace()

    def unfollow_inbox(self, feed: InboxFeed) -> None:
        """Releases the inbox, unless a later iteration has it."""
        if self._inbox is feed:
            self._inbox = None
            self._replace()

    async def close(self) -> None:
        """Ends the stream and all iterations."""
        for feed in self._feeds:
            feed.end()
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])
        self._update("idle")

    @property
    def _wanted_chats(self) -> list[ChatFeed]:
        """The chats that still need a stream."""
        return [feed for feed in self._chats.values() if not feed.has_ended]

    @property
    def _wanted_inbox(self) -> InboxFeed | None:
        return None if self._inbox is None or self._inbox.has_ended else self._inbox

    @property
    def _feeds(self) -> list[ChatFeed | InboxFeed]:
        inbox = self._wanted_inbox
        return [*self._wanted_chats, *([] if inbox is None else [inbox])]

    def _replace(self) -> None:
        # A second cancellation would interrupt the closing of the connection, which the server would then keep.
        if self._stream is not None and not self._stream.cancelling():
            self._stream.cancel()
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._run())
        self._update(self._state)

    def _update(self, state: Status) -> None:
        self._state = state
        status: Status = state if self._feeds else "idle"
        if status != self.status:
            self.status = status
            self._on_status(status)

    async def _run(self) -> None:
        try:
            while self._feeds:
                delay = await self._stream_once()
                if delay.seconds > 0:
                    self._update("offline")
                    await self._api.network.wait(delay)
        except Exception as error:
            for feed in self._feeds:
                feed.end(error)
            raise
        finally:
            self._update("connecting")

    async def _stream_once(self) -> Delay:
        self._stream = asyncio.create_task(self._connect())
        try:
            await asyncio.wait([self._stream])
        finally:
            self._stream.cancel()
            await asyncio.wait([self._stream])
        # It is canceled when the set of chats has changed.
        return AT_ONCE if self._stream.cancelled() else self._stream.result()

    async def _connect(self) -> Delay:
        """Streams until that ends, and returns how long to wait before the next attempt."""
        # Changes that are made in the same turn share a connection.
        await asyncio.sleep(0)
        self._epoch = None
        self._update("connecting")
        try:
            return await self._read()
        except ChatError as error:
            return await self._recover(error)
        except ValueError:
            # Something between us and the server has damaged a line.
            return self._backoff.next()

    async def _read(self) -> Delay:
        path, parameters = self._request()
        silence = self._timeout
        lines = Lines()
        async with self._api.stream(path, parameters, self._timeout) as (response, token):
            chunks = response.aiter_raw()
            while True:
                async with asyncio.timeout(silence):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return self._backoff.next()
                for line in lines.feed(chunk):
                    if line["type"] == "hello":
                        silence = MISSED_HEARTBEATS * line["heartbeat_seconds"]
                    if line["type"] == "unauthorized":
                        self._api.tokens.reject(token)
                    if (delay := self._receive(line)) is not None:
                        return delay

    def _request(self) -> tuple[str, Parameters]:
        chats = ",".join(_item(feed) for feed in self._wanted_chats)
        if (inbox := self._wanted_inbox) is None:
            return "/events", {"chats": chats}
        return "/inbox", {"after": inbox.cursor, "follow": chats or None}

    def _receive(self, line: dict[str, Any]) -> Delay | None:
        """Passes a line on. Returns how long to wait if the line ends the stream."""
        inbox = self._wanted_inbox
        match line["type"]:
            case "hello":
                self._start(line)
            case "caught_up":
                self._catch_up(line)
            case "chat" | "left" if inbox is not None:
                inbox.receive(line)
            case "cursor" if inbox is not None:
                inbox.advance(line["cursor"])
            case "reset":
                self._reset(line["epoch"])
                return self._backoff.next()
            case "reconnect":
                return self._backoff.next(line["delay_ms"] / 1_000)
            case "unauthorized":
                return self._retry_with_new_token()
            case "overflow" | "failed":
                return self._backoff.next()
            case _ if (feed := self._chats.get(line.get("chat_id", 0))) is not None:
                feed.receive(cast(Event, line))
                self._update(self._state)
        return None

    def _start(self, hello: dict[str, Any]) -> None:
        self._epoch = hello["epoch"]
        for chat in hello["chats"]:
            if (feed := self._chats.get(chat["chat_id"])) is not None:
                feed.start(hello["epoch"], chat["last_seq"])
        self._update("catching_up")

    def _catch_up(self, line: dict[str, Any]) -> None:
        self._backoff.reset()
        self._has_renewed_token = False
        for chat in self._wanted_chats:
            chat.receive(cast(Event, line))
        if (inbox := self._wanted_inbox) is not None:
            inbox.receive(line)
        self._update("live")

    def _reset(self, epoch: str) -> None:
        """Starts over with what belongs to another epoch; with everything if a log has become shorter in this one."""
        has_shrunk = epoch == self._epoch
        for feed in self._wanted_chats:
            if feed.place is not None and (has_shrunk or feed.place.epoch not in (None, epoch)):
                feed.reset(epoch)
        if (inbox := self._wanted_inbox) is not None:
            # Without a cursor, it has no epoch, but may have brought lines of this stream's.
            if self._epoch is not None or epoch_of(inbox.cursor) not in (None, epoch):
                inbox.reset(epoch)

    def _retry_with_new_token(self) -> Delay:
        if self._has_renewed_token:
            return self._backoff.next()
        self._has_renewed_token = True
        return AT_ONCE

    async def _recover(self, error: ChatError) -> Delay:
        if error.is_transient:
            return self._backoff.next(error.retry_after)
        if error.status == 401 and self._api.tokens.can_renew:
            return self._retry_with_new_token()
        if error.code in (CHAT_NOT_FOUND, VALIDATION_FAILED) and await self._find_changed_chats():
            return AT_ONCE
        # A caller who is no user has no inbox, but may read chats.
        inbox = self._wanted_inbox
        for feed in [inbox] if inbox is not None and error.status == 403 else self._feeds:
            feed.end(error)
        return AT_ONCE

    async def _find_changed_chats(self) -> bool:
        """Looks for the chats because of which a stream was refused as a whole, and returns whether there are any.

        These are chats that are gone and chats whose log ends before our position.
        """
        is_changed = False
        for feed in self._wanted_chats:
            try:
                page: LogPage = await self._api.get(f"/chats/{feed.chat_id}/log", after=0, limit=1)
            except ChatError as error:
                if error.code != CHAT_NOT_FOUND:
                    raise
                feed.delete()
                is_changed = True
            else:
                if feed.place is not None and feed.place.seq > page["last_seq"]:
                    feed.reset(page["epoch"])
                    is_changed = True
        return is_changed


def _item(feed: ChatFeed) -> str:
    place = feed.open_stream()
    return str(feed.chat_id) if place is None else f"{feed.chat_id}:{place}"
