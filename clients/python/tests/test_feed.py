from __future__ import annotations

from typing import Any, cast

from chat_api_client import Event, LogPage
from chat_api_client.feed import MAX_WAITING, ChatFeed, InboxFeed
from chat_api_client.place import Place

E1, E2 = "11111111", "22222222"


def entry(seq: int) -> Event:
    return {"type": "message.created", "seq": seq, "chat_id": 7}


def page(*seqs: int, last: int, epoch: str = E1) -> LogPage:
    return {"entries": [entry(seq) for seq in seqs], "last_seq": last, "epoch": epoch}


def taken(feed: ChatFeed) -> list[int | str]:
    """What the consumer gets: positions of entries, and the types of other events."""
    events: list[int | str] = []
    while (item := feed.take()) is not None:
        events.append(item[0].get("seq", item[0]["type"]))
    return events


def streaming(after: int) -> ChatFeed:
    feed = ChatFeed(7, Place(after))
    feed.open_stream()
    feed.start(E1, after)
    return feed


def test_each_entry_arrives_once_and_in_order() -> None:
    feed = streaming(after=3)
    for seq in [4, 4, 3, 5, 4]:
        feed.receive(entry(seq))
    assert taken(feed) == [4, 5]
    assert feed.open_stream() == Place(5, E1)


def test_a_gap_is_filled_from_the_log() -> None:
    feed = streaming(after=3)
    for seq in [4, 7, 6, 8]:
        feed.receive(entry(seq))
    assert taken(feed) == [4]
    assert feed.is_behind
    feed.add_page(Place(4, E1), page(5, 6, last=8))
    feed.add_page(Place(6, E1), page(7, last=7))
    assert feed.is_behind
    feed.add_page(Place(7, E1), page(8, last=8))
    assert not feed.is_behind
    feed.receive(entry(9))
    assert taken(feed) == [5, 6, 7, 8, 9]


def test_a_slow_consumer_continues_from_the_log() -> None:
    feed = streaming(after=0)
    for seq in range(1, MAX_WAITING + 51):
        feed.receive(entry(seq))
    feed.receive({"type": "caught_up"})
    feed.receive({"type": "typing"})
    assert taken(feed) == list(range(1, MAX_WAITING + 1))
    rest = range(MAX_WAITING + 1, MAX_WAITING + 51)
    feed.add_page(Place(MAX_WAITING, E1), page(*rest, last=MAX_WAITING + 50))
    assert taken(feed) == [*rest, "caught_up"]


def test_a_feed_that_is_behind_needs_no_replay_and_misses_nothing_between_log_and_stream() -> None:
    feed = streaming(after=3)
    feed.receive(entry(5))
    assert feed.open_stream() is None
    # The log is read to its end while the new stream starts after two more entries.
    feed.add_page(Place(3, E1), page(4, 5, last=5))
    assert not feed.is_behind
    feed.start(E1, 7)
    assert feed.is_behind
    feed.add_page(Place(5, E1), page(6, 7, last=7))
    feed.receive(entry(8))
    assert taken(feed) == [4, 5, 6, 7, 8]


def test_a_page_that_does_not_help_is_not_requested_again_at_once() -> None:
    feed = streaming(after=3)
    feed.receive(entry(5))
    feed.add_page(Place(3, E1), page(last=3))
    assert not feed.is_behind
    feed.receive(entry(6))
    assert feed.is_behind


def test_without_a_position_a_chat_starts_now_and_the_position_is_known() -> None:
    feed = ChatFeed(7, None)
    assert feed.open_stream() is None
    feed.start(E1, 12)
    feed.receive({"type": "caught_up"})
    assert feed.take() == ({"type": "caught_up"}, Place(12, E1))
    feed.receive(entry(13))
    assert feed.take() == (entry(13), Place(13, E1))


def test_a_reset_comes_after_what_waits_and_is_followed_by_the_new_log() -> None:
    feed = streaming(after=3)
    feed.receive(entry(4))
    feed.reset(E2)
    feed.receive(entry(5))
    assert feed.take() == (entry(4), Place(4, E1))
    assert feed.take() == ({"type": "reset", "epoch": E2}, Place(0, E2))
    assert feed.take() is None
    feed.add_page(Place(0, E2), page(1, 2, last=2, epoch=E2))
    assert taken(feed) == [1, 2]


def test_a_page_that_was_requested_before_a_reset_is_ignored() -> None:
    feed = streaming(after=3)
    feed.receive(entry(5))
    feed.reset(E2)
    feed.add_page(Place(3, E1), page(4, 5, last=5))
    assert taken(feed) == ["reset"]
    assert feed.place == Place(0, E2)


def test_another_epoch_in_hello_is_a_reset() -> None:
    feed = streaming(after=3)
    feed.start(E2, 9)
    assert taken(feed) == ["reset"]
    assert feed.is_behind


def test_a_deleted_chat_ends_after_what_waits_even_if_the_feed_is_behind() -> None:
    feed = streaming(after=3)
    feed.receive(entry(4))
    feed.receive(entry(6))
    feed.receive({"type": "chat.deleted", "chat_id": 7})
    feed.receive({"type": "chat.deleted", "chat_id": 7})
    assert taken(feed) == [4, "chat.deleted"]
    assert feed.has_ended and not feed.is_behind


def test_unknown_kinds_are_passed_on() -> None:
    feed = streaming(after=3)
    feed.receive({"type": "poll.opened", "seq": 4})
    feed.receive(cast(Event, {"type": "dance", "steps": 3}))
    assert taken(feed) == [4, "dance"]


def test_each_entry_is_shown_to_the_outbox_even_if_it_is_left_to_the_log() -> None:
    shown: list[int] = []
    feed = ChatFeed(7, Place(3, E1), lambda entry: shown.append(entry["seq"]))
    feed.receive(entry(4))
    feed.receive(entry(6))
    assert shown == [4, 6]


def piece(at: int, text: str, id: int = 9) -> Event:
    return {"type": "message.appended", "chat_id": 7, "message_id": id, "at": at, "text": text}


def about(seq: int, state: str) -> Event:
    return cast(Event, {**entry(seq), "message": {"id": 9, "state": state}})


def test_pieces_of_a_message_that_wait_are_merged_and_come_after_the_entries() -> None:
    feed = streaming(after=3)
    feed.receive(about(4, "open"))
    for each in [piece(0, "Hel"), piece(0, "Bye", id=8), piece(3, "lo")]:
        feed.receive(each)
    feed.receive(entry(5))
    assert taken(feed) == [4, 5, "message.appended", "message.appended"]
    feed.receive(piece(0, "Hel"))
    feed.receive(piece(3, "lo"))
    assert feed.take() == (piece(0, "Hello"), None)
    assert feed.take() is None


def test_pieces_of_a_message_wait_for_the_log_that_a_slow_consumer_must_read_first() -> None:
    feed = streaming(after=3)
    feed.receive(about(5, "open"))
    feed.receive(piece(0, "Hello"))
    assert feed.take() is None
    feed.add_page(Place(3, E1), page(4, 5, last=5))
    assert taken(feed) == [4, 5, "message.appended"]


def test_pieces_that_wait_are_dropped_when_their_message_ends() -> None:
    for end in [about(5, "done"), about(6, "done")]:
        feed = streaming(after=3)
        feed.receive(about(4, "open"))
        feed.receive(piece(0, "Hello"))
        feed.receive(end)
        feed.add_page(Place(4, E1), page(5, 6, last=6))
        assert "message.appended" not in taken(feed)
    feed = streaming(after=3)
    feed.receive(piece(0, "Hello"))
    feed.reset(E2)
    feed.receive(piece(0, "Hello"))
    feed.delete()
    assert taken(feed) == ["reset", "chat.deleted"]


def test_a_request_to_cancel_is_shown_to_the_writer_at_once_and_to_the_consumer() -> None:
    shown: list[Event] = []
    feed = ChatFeed(7, Place(3, E1), shown.append)
    request: Event = {"type": "message.cancel_requested", "chat_id": 7, "message_id": 9}
    feed.receive(request)
    assert shown == [request]
    assert taken(feed) == ["message.cancel_requested"]


def lines(feed: InboxFeed) -> list[Any]:
    return [(line["type"], line.get("chat_id"), line.get("last_seq")) for line in iter(feed.take, None) if line]


def test_the_latest_line_of_a_chat_replaces_the_one_that_waits() -> None:
    feed = InboxFeed(None)
    feed.receive({"type": "chat", "chat_id": 7, "last_seq": 1})
    feed.receive({"type": "chat", "chat_id": 8, "last_seq": 1})
    feed.receive({"type": "chat", "chat_id": 7, "last_seq": 2})
    feed.receive({"type": "left", "chat_id": 8})
    assert lines(feed) == [("chat", 7, 2), ("left", 8, None)]


def test_no_chat_that_existed_comes_after_caught_up_even_if_it_changes_meanwhile() -> None:
    feed = InboxFeed(None)
    feed.receive({"type": "chat", "chat_id": 7, "last_seq": 1})
    feed.advance(f"{E1}.1")
    feed.receive({"type": "caught_up"})
    feed.receive({"type": "chat", "chat_id": 7, "last_seq": 2})
    feed.advance(f"{E1}.2")
    assert lines(feed) == [("chat", 7, 2), ("caught_up", None, None), ("cursor", None, None)]


def test_a_cursor_is_reached_only_after_the_lines_before_it() -> None:
    feed = InboxFeed(None)
    feed.receive({"type": "chat", "chat_id": 7, "last_seq": 1})
    feed.advance(f"{E1}.1")
    feed.receive({"type": "chat", "chat_id": 8, "last_seq": 1})
    feed.advance(f"{E1}.2")
    feed.receive({"type": "caught_up"})
    assert lines(feed) == [("chat", 7, 1), ("chat", 8, 1), ("cursor", None, None), ("caught_up", None, None)]
    assert feed.cursor == f"{E1}.2"


def test_a_reset_inbox_starts_without_a_cursor() -> None:
    feed = InboxFeed(f"{E1}.1")
    feed.receive({"type": "chat", "chat_id": 7, "last_seq": 1})
    feed.reset(E2)
    feed.receive({"type": "chat", "chat_id": 8, "last_seq": 1})
    assert lines(feed) == [("reset", None, None), ("chat", 8, 1)]
    assert feed.cursor is None
