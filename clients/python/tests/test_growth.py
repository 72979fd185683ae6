from __future__ import annotations

import random
from functools import reduce
from typing import Any, cast

from chat_api_client import Event, Message, grow
from chat_api_client.growth import merge


def message(text: str = "", **fields: Any) -> Message:
    return cast(Message, {"id": 9, "text": text, "state": "open", "length": len(text), **fields})


def piece(at: int, text: str, id: int = 9) -> Event:
    return {"type": "message.appended", "chat_id": 7, "message_id": id, "at": at, "text": text}


def test_the_text_is_truncated_to_the_offset_in_characters_and_then_appended_to() -> None:
    grown = grow(message("👩‍👧 Hello"), piece(4, "Bye"))
    assert grown == message("👩‍👧 Bye")
    assert grow(grown, piece(4, "Bye")) == grown


def test_other_events_change_nothing() -> None:
    others: list[Event] = [piece(0, "x", id=8), piece(6, "x"), {"type": "typing", "chat_id": 7}]
    for event in others:
        assert grow(message("Hello"), event) == message("Hello")
    done = message("Hello", state="done")
    assert grow(done, piece(0, "x")) is done
    whole = cast(Message, {"id": 9, "text": "Hello"})
    assert grow(whole, piece(0, "x")) is whole


def test_every_reader_ends_with_the_same_text() -> None:
    for seed in range(300):
        moments = random.Random(seed)
        text = "".join(moments.choices("ab👩", k=60))
        pieces = [piece(0, "")]
        end = 0
        while end < len(text):
            # A server that lost a part of the text sends it again; one that reconnects sends everything.
            start = moments.choice([end, end, moments.randint(0, end), 0])
            end = moments.randint(max(start, 1), len(text))
            pieces.append(piece(start, text[start:end]))
        assert reduce(grow, pieces, message())["text"] == text
        repeated = [event for each in pieces for event in [each] * moments.randint(1, 2)]
        assert reduce(grow, repeated, message())["text"] == text
        cut = moments.randint(1, len(pieces))
        seen = reduce(grow, pieces[:cut], message())
        if pieces[cut:]:
            assert grow(seen, reduce(merge, pieces[cut:]))["text"] == text


def test_merged_pieces_have_the_status_of_the_last() -> None:
    searching: Event = {**piece(0, "Hel"), "status": "Searching"}
    assert merge(piece(0, "H"), searching) == searching
    assert merge(searching, piece(3, "lo")) == piece(0, "Hello")
