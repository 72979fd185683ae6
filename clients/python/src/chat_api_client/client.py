"""The client of a server."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from types import TracebackType
from typing import Literal, Self, cast

import httpx

from .api import API
from .backoff import Backoff
from .chat import Chat
from .connection import Connection, Status
from .errors import ChatError
from .feed import InboxFeed
from .models import Caller, ChatInfo, ChatPage, InboxLine, Metadata, User
from .network import Network
from .outbox import Pending
from .outboxes import Outboxes
from .reply import Reply
from .sender import Sender
from .store import MemoryStore, Store
from .tokens import TokenCallback, Tokens

INBOX = "inbox"


class ChatClient:
    """A user's, a bot's or a backend's connection to Chat API. Use it with `async with`.

    Reads, and posts that carry an idempotency key, are tried again until there is a response; to give up, use
    `asyncio.timeout` or cancel the task. Everything else is tried once. All errors are `ChatError`.

    The reasons for new attempts are logged as warnings of the logger `chat_api_client`, each once until an attempt
    succeeds.
    """

    def __init__(
        self,
        url: str,
        *,
        token: TokenCallback | None = None,
        store: Store | None = None,
        min_delay: float = 0.5,
        max_delay: float = 30.0,
        timeout: float = 20.0,
        on_status: Callable[[Status], None] = lambda status: None,
        on_pending: Callable[[Pending], None] = lambda pending: None,
    ) -> None:
        """Opens no connection yet.

        - `url`: the server, perhaps with a path prefix.
        - `token`: returns a user's token or a server key, or None if the server needs none. It is called when there
          is no token, 60 seconds before a token expires and when the server rejects one. If it raises, it is called
          again later.
        - `store`: keeps positions and unsent messages; by default, they are gone when the application ends.
        - `min_delay`, `max_delay`: bounds in seconds of the random wait before another attempt.
        - `timeout`: how long a request may take in seconds. A stream is dead after 2.5 missed heartbeats.
        - `on_status`: called with each new `status`; `error` says why the client is `offline`.
        - `on_pending`: called with a message when it is queued, restored from the store, sent, failed or retried.
        """
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout)
        self._tokens = Tokens(token)
        self._network = Network()
        self._store: Store = MemoryStore() if store is None else store
        self._api = API(self._http, self._tokens, self._network, lambda: Backoff(min_delay, max_delay))
        self._connection = Connection(self._api, timeout, on_status)
        self._outboxes = Outboxes(self._store)
        self._on_pending = on_pending
        self._senders: dict[int, Sender] = {}
        self._replies: dict[int, Reply] = {}

    async def __aenter__(self) -> Self:
        """Starts to send what an earlier client with this store has left unsent."""
        for chat_id in await self._outboxes.load():
            self._sender(chat_id).resume()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all iterations, sends and connections.

        Unsent messages stay in the store, and the next client with the same store sends them; in this one, waiting for
        them raises `ChatError` with the code `client_closed`.
        """
        self._outboxes.seal()
        await self._connection.close()
        for sender in self._senders.values():
            await sender.close()
        self._tokens.close()
        await self._outboxes.close()
        await self._http.aclose()
        # Requests that wait for another attempt end now, too.
        self._network.restored()

    @property
    def status(self) -> Status:
        """The state of the stream.

        `idle`: nothing is streamed; `connecting`; `catching_up`: what was missed is arriving; `live`; `offline`:
        waiting before the next attempt.
        """
        return self._connection.status

    @property
    def error(self) -> ChatError | None:
        """Why the client is `offline`; None in every other state. With 401, the token or key is not accepted."""
        return self._connection.error

    def network_restored(self) -> None:
        """Tries again at once what waits for the network, unless a server has asked for more time."""
        self._network.restored()

    def chat(self, id: int) -> Chat:
        """A handle of a chat, without a request."""
        return Chat(id, self._api, self._connection, self._sender(id), self._store, self._replies)

    async def inbox(self) -> AsyncGenerator[InboxLine, None]:
        """Yields the state of each of the user's chats, then each that changes.

        It continues where the store says, if that has a cursor. A line replaces all earlier ones about its chat. If
        you are slow, you get only the latest line of a chat. A line counts as handled when you ask for the next one.
        """
        feed = InboxFeed(await self._store.get(INBOX))
        self._connection.follow_inbox(feed)
        try:
            while (line := await self._next_line(feed)) is not None:
                yield line
                await self._outboxes.save()
                if line["type"] == "reset":
                    await self._store.set(INBOX, None)
        finally:
            self._connection.unfollow_inbox(feed)

    async def me(self) -> Caller:
        """Whom the server takes this client for."""
        return cast(Caller, await self._api.get("/me"))

    async def users(self, ids: Sequence[str]) -> list[User]:
        """Reads the profiles of up to 100 users; those that do not exist are left out."""
        return cast(list[User], (await self._api.get("/users", ids=",".join(ids)))["users"])

    async def chats(self, *, q: str | None = None, cursor: str | None = None, limit: int | None = None) -> ChatPage:
        """Reads a page of chats; `q` finds those whose title contains it."""
        return cast(ChatPage, await self._api.get("/chats/", q=q, cursor=cursor, limit=limit))

    async def create_chat(
        self,
        title: str,
        *,
        members: Sequence[str] = (),
        visibility: Literal["private", "open"] | None = None,
        metadata: Metadata | None = None,
        key: str | None = None,
    ) -> ChatInfo:
        """Creates one chat, however often the request has to be repeated.

        `key` is the idempotency key, a UUID by default: a second call with the same key returns the same chat.
        """
        body = {"title": title, "members": list(members) or None, "visibility": visibility, "metadata": metadata}
        present = {name: value for name, value in body.items() if value is not None}
        return cast(ChatInfo, await self._api.post_once("/chats/", present, key or str(uuid.uuid4())))

    async def direct(self, user: str) -> ChatInfo:
        """Opens the only direct chat with a user."""
        return cast(ChatInfo, await self._api.change("POST", "/direct", {"user": user}))

    async def unread(self) -> int:
        """Counts the chats with unread messages."""
        return cast(int, (await self._api.get("/unread"))["chats"])

    def _sender(self, chat_id: int) -> Sender:
        if chat_id not in self._senders:
            self._senders[chat_id] = Sender(chat_id, self._api, self._outboxes, self._on_pending)
        return self._senders[chat_id]

    async def _next_line(self, feed: InboxFeed) -> InboxLine | None:
        while True:
            line = feed.take()
            if line is not None and line["type"] == "cursor":
                await self._store.set(INBOX, cast(dict[str, str], line)["cursor"])
            elif line is not None:
                return line
            elif feed.error is not None:
                raise feed.error
            elif feed.has_ended:
                return None
            else:
                feed.changed.clear()
                await feed.changed.wait()
