"""Text that grows while it is read."""

from __future__ import annotations

from .models import Event, Message


def grow(message: Message, event: Event) -> Message:
    """Returns the message with the piece of a `message.appended` event: the reader's rule.

    It is the same message if the event is another one, or about another message; if the message is not open; and if the
    piece belongs beyond the end of the text. Applying an event twice changes nothing.
    """
    if event["type"] != "message.appended" or event["message_id"] != message["id"]:
        return message
    at, text = event["at"], message["text"]
    if message.get("state") != "open" or not isinstance(at, int) or at > len(text):
        return message
    text = text[:at] + event["text"]
    return {**message, "text": text, "length": len(text)}


def merge(earlier: Event, later: Event) -> Event:
    """Returns one `message.appended` event with the effect of two of the same message."""
    start, at = earlier["at"], later["at"]
    assert isinstance(start, int) and isinstance(at, int)
    if not start <= at <= start + len(earlier["text"]):
        return later
    return {**later, "at": start, "text": earlier["text"][: at - start] + later["text"]}
