"""The one stream of a client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal, cast

from .api import API, Parameters
from .errors import CHAT_NOT_FOUND, NETWORK_ERROR, VALIDATION_FAILED, ChatError
from .feed import ChatFeed, InboxFeed, epoch_of
from .lines import Lines
from .models import Event, LogPage
from .outage import Outage

Status = Literal["idle", "offline", "connecting", "catching_up", "live"]

# The server's limit for a stream that contains the inbox, which may be added at any time.
MAX_FOLLOWED = 50
# How many heartbeats may fail to arrive before the connection counts as dead.
MISSED_HEARTBEATS = 2.5


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
        self._stream: asyncio.Task[ChatError | None] | None = None
        self._state: Status = "connecting"
        # Why the last attempt failed, and what is logged of that.
        self._failure: ChatError | None = None
        self._outage = Outage()
        # The epoch of the current stream, once it has started.
        self._epoch: str | None = None
        # Whether a new token was tried since the last stream that caught up.
        self._has_renewed_token = False

    @property
    def error(self) -> ChatError | None:
        """Why the client is offline; None if it is not."""
        return self._failure if self.status == "offline" else None

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
                # A stream may also end because its last chat has.
                if (error := await self._stream_once()) is not None and self._feeds:
                    await self._wait_after(error)
        except Exception as error:
            for feed in self._feeds:
                feed.end(error)
            raise
        finally:
            self._update("connecting")

    async def _wait_after(self, error: ChatError) -> None:
        self._failure = error
        self._outage.note("offline", error)
        self._update("offline")
        await self._api.network.wait(self._backoff.next(error.retry_after))

    async def _stream_once(self) -> ChatError | None:
        """Returns what the next attempt must wait for; None if it can start at once."""
        self._stream = asyncio.create_task(self._connect())
        try:
            await asyncio.wait([self._stream])
        finally:
            self._stream.cancel()
            await asyncio.wait([self._stream])
        # It is canceled when the set of chats has changed.
        return None if self._stream.cancelled() else self._stream.result()

    async def _connect(self) -> ChatError | None:
        # Changes that are made in the same turn share a connection.
        await asyncio.sleep(0)
        self._epoch = None
        self._update("connecting")
        try:
            await self._read()
        except ChatError as error:
            return await self._recover(error)
        except ValueError as error:
            return ChatError(NETWORK_ERROR, f"Something between the client and the server has damaged a line: {error}")
        return ChatError(NETWORK_ERROR, "The stream ended")

    async def _read(self) -> None:
        """Reads a stream until it breaks; raises `ChatError` if a line or the response says why it ends."""
        path, parameters = self._request()
        silence = self._timeout
        lines = Lines()
        async with self._api.stream(path, parameters, self._timeout) as (response, token):
            chunks = response.aiter_raw()
            while True:
                async with asyncio.timeout(silence):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                for line in lines.feed(chunk):
                    if line["type"] == "hello":
                        silence = MISSED_HEARTBEATS * line["heartbeat_seconds"]
                    if line["type"] == "unauthorized":
                        self._api.tokens.reject(token)
                    self._receive(line)

    def _request(self) -> tuple[str, Parameters]:
        chats = ",".join(_item(feed) for feed in self._wanted_chats)
        if (inbox := self._wanted_inbox) is None:
            return "/events", {"chats": chats}
        return "/inbox", {"after": inbox.cursor, "follow": chats or None}

    def _receive(self, line: dict[str, Any]) -> None:
        """Passes a line on. Raises `ChatError` if the line ends the stream."""
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
                raise ChatError(line["type"], "Positions have become invalid")
            case "reconnect":
                detail = "The server asks to connect again"
                raise ChatError(line["type"], detail, retry_after=line["delay_ms"] / 1_000)
            case "unauthorized":
                raise ChatError(line["reason"], "The server no longer accepts the token", status=401)
            case "overflow" | "failed":
                raise ChatError(line.get("code", line["type"]), line.get("detail", "The server ended the stream"))
            case _ if (feed := self._chats.get(line.get("chat_id", 0))) is not None:
                feed.receive(cast(Event, line))
                self._update(self._state)

    def _start(self, hello: dict[str, Any]) -> None:
        self._epoch = hello["epoch"]
        for chat in hello["chats"]:
            if (feed := self._chats.get(chat["chat_id"])) is not None:
                feed.start(hello["epoch"], chat["last_seq"])
        self._update("catching_up")

    def _catch_up(self, line: dict[str, Any]) -> None:
        self._backoff.reset()
        self._outage.end()
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

    async def _recover(self, error: ChatError) -> ChatError | None:
        """Removes the cause of an error, if it can: the next attempt starts at once then, and waits otherwise."""
        if error.is_temporary:
            return error
        if error.status == 401 and self._api.tokens.can_renew:
            has_tried, self._has_renewed_token = self._has_renewed_token, True
            return error if has_tried else None
        if error.code in (CHAT_NOT_FOUND, VALIDATION_FAILED) or error.status == 403:
            try:
                if await self._find_changed_chats():
                    return None
            except ChatError as failure:
                return failure
        if error.code == CHAT_NOT_FOUND:
            # The chat was found now: the user has been added to it again.
            return error
        # A caller who is no user has no inbox, but may read chats.
        inbox = self._wanted_inbox
        for feed in [inbox] if inbox is not None and error.status == 403 else self._feeds:
            feed.end(error)
        return None

    async def _find_changed_chats(self) -> bool:
        """Looks for the chats because of which a stream was refused as a whole, and returns whether there are any.

        These are chats that are gone, chats that the caller may not read, and chats whose log ends before our position.
        Raises `ChatError` if the token is rejected.
        """
        is_changed = False
        for feed in self._wanted_chats:
            try:
                page: LogPage = await self._api.get(f"/chats/{feed.chat_id}/log", after=0, limit=1)
            except ChatError as error:
                if error.status == 401:
                    raise
                if error.code == CHAT_NOT_FOUND:
                    feed.delete()
                else:
                    feed.end(error)
                is_changed = True
            else:
                if feed.place is not None and feed.place.seq > page["last_seq"]:
                    feed.reset(page["epoch"])
                    is_changed = True
        return is_changed


def _item(feed: ChatFeed) -> str:
    place = feed.open_stream()
    return str(feed.chat_id) if place is None else f"{feed.chat_id}:{place}"
