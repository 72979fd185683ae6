"""The server's objects, as they arrive.

They are dictionaries: fields and kinds that this version does not know are kept. Timestamps are RFC 3339 in UTC.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Metadata = dict[str, Any]
Role = Literal["reader", "member", "moderator", "owner"]


class Message(TypedDict):
    """A message; a deleted one has `deleted_at` and an empty text, but no `revision`.

    Only a message whose text grows, or has grown, has a `state`. While that is `open`, `length` is the number of
    characters so far; `reason` says why it failed or was canceled.
    """

    id: int
    chat_id: int
    seq: int
    text: str
    created_at: str
    revision: NotRequired[int]
    author: NotRequired[str]
    edited_at: NotRequired[str]
    deleted_at: NotRequired[str]
    reply_to: NotRequired[int]
    metadata: NotRequired[Metadata]
    state: NotRequired[Literal["open", "done", "failed", "cancelled"]]
    length: NotRequired[int]
    reason: NotRequired[str]
    idempotency_key: NotRequired[str]


class ChatInfo(TypedDict):
    """A chat. `role`, `read_seq`, `unread` and `last_message` appear in lists, for members."""

    id: int
    title: str
    created_at: str
    last_seq: int
    last_message_at: str | None
    message_count: int
    visibility: Literal["private", "open"]
    metadata: NotRequired[Metadata]
    last_message: NotRequired[Message]
    role: NotRequired[Role]
    read_seq: NotRequired[int]
    unread: NotRequired[int]
    more: NotRequired[bool]


class ChatWithMessages(ChatInfo):
    """A chat with its latest messages, oldest first, without deleted ones."""

    messages: list[Message]


class Event(TypedDict):
    """An event of a chat. `type` says which of the other fields it has.

    Log entries have `seq`, the time `at` and perhaps `author`; those about messages, such as `message.created`, have
    `message`, the others `chat`, and those about members, such as `member.joined`, `users` and perhaps `role`.
    `message.appended` has `message_id`, the offset `at`, `text` and perhaps `status`: see `grow`.
    `message.cancel_requested` has `message_id`.
    `typing` has `metadata` and perhaps `author`, `reset` the new `epoch`; `caught_up` and `chat.deleted` have nothing
    else.
    """

    type: str
    chat_id: NotRequired[int]
    seq: NotRequired[int]
    at: NotRequired[str | int]
    author: NotRequired[str]
    message: NotRequired[Message]
    message_id: NotRequired[int]
    text: NotRequired[str]
    status: NotRequired[str]
    chat: NotRequired[ChatInfo]
    users: NotRequired[list[str]]
    role: NotRequired[Role]
    metadata: NotRequired[Metadata]
    epoch: NotRequired[str]


class InboxLine(TypedDict):
    """A line of the inbox: `chat` is the state of a chat, `left` says that you are no longer a member.

    `caught_up` follows what existed when the stream started; after `reset`, with its `epoch`, every chat is sent again.
    """

    type: str
    chat_id: NotRequired[int]
    last_seq: NotRequired[int]
    chat: NotRequired[ChatInfo]
    last_message: NotRequired[Message]
    role: NotRequired[Role]
    read_seq: NotRequired[int]
    unread: NotRequired[int]
    more: NotRequired[bool]
    epoch: NotRequired[str]


class User(TypedDict):
    """A user or a bot."""

    id: str
    kind: Literal["person", "bot"]
    created_at: str
    name: NotRequired[str]
    avatar_url: NotRequired[str]
    metadata: NotRequired[Metadata]
    deactivated_at: NotRequired[str]


class Caller(TypedDict):
    """Whom the server takes this client for. `scope` is that of a server key."""

    user: User | None
    role: Literal["user", "guest", "admin", "bot"] | None
    scope: str | None
    expires_at: str | None


class ChatPage(TypedDict):
    """Chats, the most recently active first."""

    chats: list[ChatInfo]
    next_cursor: str | None


class MessagePage(TypedDict):
    """Messages in order of position."""

    messages: list[Message]
    has_before: bool
    has_after: bool
    last_seq: int
    epoch: str


class LogPage(TypedDict):
    """Log entries in order of position, without gaps."""

    entries: list[Event]
    last_seq: int
    epoch: str


class Member(TypedDict):
    """A member of a chat."""

    user_id: str
    role: Role
    joined_seq: int


class MemberPage(TypedDict):
    """Members in order of their ids."""

    members: list[Member]
    next_cursor: str | None


class ReadMarker(TypedDict):
    """How far the user has read. `unread` ends at 100; `more` says that there are more."""

    read_seq: int
    unread: int
    more: NotRequired[bool]
