"""The client of Chat API: follow chats, send and stream messages, and lose none when the connection does."""

from .chat import Chat
from .client import ChatClient
from .connection import Status
from .errors import ChatError, ReplyCancelled
from .growth import grow
from .models import (
    Caller,
    ChatInfo,
    ChatPage,
    ChatWithMessages,
    Event,
    InboxLine,
    LogPage,
    Member,
    MemberPage,
    Message,
    MessagePage,
    Metadata,
    ReadMarker,
    Role,
    User,
)
from .outbox import Pending
from .reply import Reply
from .store import FileStore, MemoryStore, Store
from .tokens import TokenCallback

__all__ = [
    "Caller",
    "Chat",
    "ChatClient",
    "ChatError",
    "ChatInfo",
    "ChatPage",
    "ChatWithMessages",
    "Event",
    "FileStore",
    "InboxLine",
    "LogPage",
    "Member",
    "MemberPage",
    "MemoryStore",
    "Message",
    "MessagePage",
    "Metadata",
    "Pending",
    "ReadMarker",
    "Reply",
    "ReplyCancelled",
    "Role",
    "Status",
    "Store",
    "TokenCallback",
    "User",
    "grow",
]
