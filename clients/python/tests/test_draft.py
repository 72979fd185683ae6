from __future__ import annotations

import random

from chat_api_client.draft import MAX_PIECE, Draft


class Message:
    """The server's side of the writer's rule."""

    def __init__(self, text: str = "") -> None:
        self.text = self.stored = text

    def append(self, at: int, text: str) -> bool:
        existing = self.text[at:]
        if at > len(self.text) or not (text.startswith(existing) or existing.startswith(text)):
            return False
        self.text += text[len(existing) :]
        return True


def deliver(draft: Draft, message: Message) -> None:
    at, text = draft.next()
    if message.append(at, text):
        draft.acknowledge(at + len(text), len(message.text), len(message.stored))
    else:
        draft.reject(at, len(message.text))


def test_the_text_is_whole_in_whatever_way_requests_responses_and_the_server_fail() -> None:
    for seed in range(300):
        moments = random.Random(seed)
        draft, message, written = Draft(), Message(), ""
        while len(written) < 200 or draft.unsent:
            match moments.randrange(6):
                case 0 if len(written) < 200:
                    word = "".join(moments.choices("aab👩 ", k=moments.randrange(12)))
                    written += word
                    draft.add(word)
                case 1:
                    message.append(*draft.next())  # The response gets lost.
                case 2:
                    message.text = message.stored  # The server is killed.
                case 3:
                    message.stored = message.text
                case _:
                    deliver(draft, message)
        assert draft.text == written
        assert not draft.is_stored or message.stored == written


def test_a_text_that_is_not_stored_is_sent_again_at_the_end() -> None:
    draft, message = Draft(), Message()
    assert not draft.is_stored
    draft.add("Hello")
    assert not draft.is_stored
    deliver(draft, message)
    assert not draft.is_stored
    message.stored = message.text
    deliver(draft, message)
    assert draft.is_stored


def test_the_same_text_is_written_again_over_what_an_earlier_writer_left() -> None:
    draft, message = Draft(), Message("Hello, w")
    for piece in ["Hel", "lo, wo", "rld"]:
        draft.add(piece)
        deliver(draft, message)
    assert message.text == "Hello, world"


def test_another_text_is_left_to_the_end() -> None:
    draft, message = Draft(), Message("Hello, w")
    for piece in ["Go", "od morning"]:
        draft.add(piece)
        deliver(draft, message)
    assert (message.text, draft.unsent, draft.next()) == ("Hello, w", 0, (0, ""))
    message.stored = message.text = "Hello, world"
    deliver(draft, message)
    assert draft.text == "Good morning" and not draft.is_stored


def test_a_long_text_is_sent_in_pieces() -> None:
    draft = Draft()
    draft.add("a" * MAX_PIECE + "b")
    assert draft.next() == (0, "a" * MAX_PIECE)
    draft.acknowledge(MAX_PIECE, MAX_PIECE, 0)
    assert draft.next() == (MAX_PIECE, "b")
