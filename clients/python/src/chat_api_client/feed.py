"""What a stream has brought and its consumer has not taken yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, cast

from .growth import merge
from .models import Event, InboxLine, LogPage
from .place import Place

# Entries that may wait for a consumer. One that is further behind reads the log, so that memory stays bounded.
MAX_WAITING = 1_000


class Feed:
    """How an iteration ends, and the signal for its consumer."""

    def __init__(self) -> None:
        self.has_ended = False
        self.error: Exception | None = None
        self.changed = asyncio.Event()

    def end(self, error: Exception | None = None) -> None:
        """Ends the iteration once its consumer has taken what waits; raises the error there, if there is one."""
        self.has_ended = True
        self.error = error
        self.changed.set()


class ChatFeed(Feed):
    """The events of one chat: each entry once, in order, with none missing.

    A feed is behind when the stream's next entries are not the next ones for the consumer: after a gap, after a
    reset, or if the consumer is slow. It then ignores the stream's entries, and the consumer reads the log from
    `place` until it has everything that was ignored.

    The pieces of an open message that wait for the consumer are merged, and come after all entries that wait.
    """

    def __init__(
        self, chat_id: int, place: Place | None, on_event: Callable[[Event], None] = lambda event: None
    ) -> None:
        """`on_event` is called for each entry, and each request to cancel a message, as soon as the stream has it."""
        super().__init__()
        self.chat_id = chat_id
        # The last entry that was added; None until the server has said where its stream starts.
        self.place = place
        self.is_behind = False
        self._on_event = on_event
        self._waiting: deque[tuple[Event, Place | None]] = deque()
        self._growth: dict[int, Event] = {}
        self._last_ignored = 0
        self._streams_from_now = False
        self._owes_caught_up = False

    def open_stream(self) -> Place | None:
        """Returns where the next stream starts; None for now, since a feed that is behind reads the log anyway."""
        place = None if self.is_behind else self.place
        self._streams_from_now = place is None
        return place

    def start(self, epoch: str, last_seq: int) -> None:
        """Notes the stream's `hello`: the epoch, and the end of the log when it started."""
        if self.place is None:
            self.place = Place(last_seq, epoch)
        elif self.place.epoch is None:
            self.place = Place(self.place.seq, epoch)
        elif self.place.epoch != epoch:
            self.reset(epoch)
        if self._streams_from_now and last_seq > self.place.seq:
            self._ignore(last_seq)

    def receive(self, event: Event) -> None:
        """Adds an event of the stream."""
        if self.has_ended:
            return
        if "seq" in event:
            self._receive_entry(event)
        elif event["type"] == "caught_up":
            if self.is_behind or len(self._waiting) >= MAX_WAITING:
                self.is_behind = self._owes_caught_up = True
            else:
                self._add(event, self.place)
        elif event["type"] == "chat.deleted":
            self.delete(event)
        elif event["type"] == "message.appended":
            id = event["message_id"]
            self._growth[id] = merge(self._growth[id], event) if id in self._growth else event
            self.changed.set()
        else:
            if event["type"] == "message.cancel_requested":
                self._on_event(event)
            if not self.is_behind and len(self._waiting) < MAX_WAITING:
                self._add(event)

    def add_page(self, asked_after: Place, page: LogPage) -> None:
        """Adds a page of the log, unless the feed has moved since it was requested."""
        if self.place != asked_after or self.has_ended:
            return
        place = self.place = Place(asked_after.seq, page["epoch"])
        for entry in page["entries"]:
            if entry["seq"] == place.seq + 1:
                place = self._add_entry(cast(Event, {**entry, "chat_id": self.chat_id}))
        is_at_end = place.seq >= max(page["last_seq"], self._last_ignored)
        # If a page does not help, do not ask again at once: the stream's next entry shows that some are missing.
        if is_at_end or place.seq == asked_after.seq:
            self.is_behind = False
            if self._owes_caught_up:
                self._owes_caught_up = False
                self._add({"type": "caught_up"}, place)

    def reset(self, epoch: str) -> None:
        """Starts over in another history, after what already waits."""
        self.place = Place(0, epoch)
        self._last_ignored = 0
        self._growth.clear()
        self._add({"type": "reset", "epoch": epoch}, self.place)
        self.is_behind = True

    def delete(self, event: Event | None = None) -> None:
        """Ends the iteration with `chat.deleted`."""
        if not self.has_ended:
            self.is_behind = False
            self._growth.clear()
            self._add(event or {"type": "chat.deleted", "chat_id": self.chat_id})
            self.end()

    def take(self) -> tuple[Event, Place | None] | None:
        """Returns the next event and, unless it says nothing about that, the position that it leads to."""
        if self._waiting:
            return self._waiting.popleft()
        if self._growth and not self.is_behind:
            return self._growth.pop(next(iter(self._growth))), None
        return None

    def _receive_entry(self, entry: Event) -> None:
        if self.place is None or entry["seq"] <= self.place.seq:
            return
        is_next = entry["seq"] == self.place.seq + 1
        if is_next and not self.is_behind and len(self._waiting) < MAX_WAITING:
            self._add_entry(entry)
        else:
            self._ignore(entry["seq"])
            self._observe(entry)

    def _ignore(self, seq: int) -> None:
        """Leaves entries up to a position to the log."""
        self.is_behind = True
        self._last_ignored = max(self._last_ignored, seq)
        self.changed.set()

    def _add_entry(self, entry: Event) -> Place:
        assert self.place is not None
        self.place = Place(entry["seq"], self.place.epoch)
        self._observe(entry)
        self._add(entry, self.place)
        return self.place

    def _observe(self, entry: Event) -> None:
        message = entry.get("message")
        if message is not None and message.get("state") != "open":
            self._growth.pop(message["id"], None)
        self._on_event(entry)

    def _add(self, event: Event, place: Place | None = None) -> None:
        self._waiting.append((event, place))
        self.changed.set()


class InboxFeed(Feed):
    """The states of chats. A newer line about a chat replaces the one that waits."""

    def __init__(self, cursor: str | None) -> None:
        super().__init__()
        # Where the next stream starts.
        self.cursor = cursor
        self._waiting: dict[Hashable, InboxLine] = {}

    def receive(self, line: dict[str, Any]) -> None:
        """Adds a line of the stream."""
        if "chat_id" in line:
            # A chat keeps its place: it must come before the `caught_up` that follows what existed.
            self._waiting[line["chat_id"]] = cast(InboxLine, line)
            self.changed.set()
        else:
            self._add_last(line)

    def advance(self, cursor: str) -> None:
        """Notes where a client resumes that has all lines so far."""
        self.cursor = cursor
        self._add_last({"type": "cursor", "cursor": cursor})

    def reset(self, epoch: str) -> None:
        """Starts over: every chat comes again."""
        self.cursor = None
        self._waiting.clear()
        self._add_last({"type": "reset", "epoch": epoch})

    def take(self) -> InboxLine | None:
        """Returns the next line. `cursor` means that all lines before it have been taken."""
        return self._waiting.pop(next(iter(self._waiting))) if self._waiting else None

    def _add_last(self, line: dict[str, Any]) -> None:
        """Adds a line about all lines before it, and removes an earlier one of its type."""
        self._waiting.pop(line["type"], None)
        self._waiting[line["type"]] = cast(InboxLine, line)
        self.changed.set()


def epoch_of(cursor: str | None) -> str | None:
    """The epoch of an inbox's cursor."""
    return cursor.partition(".")[0] if cursor is not None else None


