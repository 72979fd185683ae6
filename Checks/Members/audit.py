"""Compares what each client received with the logs."""
from collections.abc import Iterator

from Checks.Members.clients import Chats, Reader, Stream


def audit(chats: Chats) -> Iterator[tuple[str, object]]:
    """Stops the servers, and yields each check with the problems it found; none if it passes."""
    logs = {chat: chats.log(chat) for chat in chats.ids}
    streams = [(reader, stream) for reader in chats.readers for stream in reader.streams]
    yield "every response is one that was expected, and in time", chats.problems[:5]
    yield "every event is one that was expected", [
        problem for reader in chats.readers for problem in reader.problems
    ][:5]
    yield "the kills met streams", [] if any(reader.cuts for reader in chats.readers) else "no"
    yield "positions are 1 to n", [
        chat for chat, log in logs.items() if [entry["seq"] for entry in log] != list(range(1, len(log) + 1))
    ]
    ended = [
        (reader, stream, chat) for reader, stream in streams for chat in stream.deleted & stream.ends.keys()
    ]
    yield "streams ended with a removal", [] if ended else "no"
    yield "a stream that ends for a removed user ends with the user's member.left", [
        f"{reader}: at {last_position(stream, chat)} of {chat}"
        for reader, stream, chat in ended
        if last_position(stream, chat) != own_departure(reader, stream, logs[chat], chat)
    ][:5]
    received = [(reader, stream, chat) for reader, stream in streams for chat in stream.ends]
    yield "a stream starts only for a member", [
        f"{reader}: at {stream.ends[chat]} of {chat}"
        for reader, stream, chat in received if not is_member(reader, logs[chat][:stream.ends[chat]])
    ][:5]
    yield "nothing follows the user's member.left", [
        f"{reader}: {last_position(stream, chat)} of {chat} after {departure}"
        for reader, stream, chat in received
        if (departure := own_departure(reader, stream, logs[chat], chat)) and last_position(stream, chat) > departure
    ][:5]
    yield "streams have no gap", [
        f"{reader}: {positions[:3]}… of {chat} after {stream.starts[chat]}"
        for reader, stream, chat in received if (positions := positions_of(stream, chat))
        and (positions != list(range(positions[0], positions[0] + len(positions)))
             or positions[0] > stream.starts[chat] + 1)
    ][:5]
    yield "streams show what the log shows", [
        f"{reader}: {entry} of {chat}"
        for reader, stream, chat in received for entry in stream.entries.get(chat, [])
        if not 0 < entry["seq"] <= len(logs[chat]) or content(entry) != content(logs[chat][entry["seq"] - 1])
    ][:5]
    services = (chats.changing, chats.streaming)
    yield "the servers stop with status 0", [status for service in services if (status := service.stop())]
    yield "no failure of the servers' own is in their logs", [
        failure for service in services for failure in service.failures
    ][:5]


def positions_of(stream: Stream, chat: int) -> list[int]:
    return [entry["seq"] for entry in stream.entries.get(chat, [])]


def last_position(stream: Stream, chat: int) -> int:
    """The client's position in a chat when the stream ended."""
    return max([stream.starts[chat], *positions_of(stream, chat)])


def own_departure(reader: Reader, stream: Stream, log: list[dict], chat: int) -> int | None:
    """The position at which the reader's user first left the chat after the start of the stream."""
    return next((entry["seq"] for entry in log[stream.ends[chat]:] if is_departure(entry, reader.user)), None)


def is_departure(entry: dict, user: str) -> bool:
    return entry["type"] == "member.left" and user in entry["users"]


def is_member(reader: Reader, log: list[dict]) -> bool:
    own = [entry for entry in log if reader.user in entry.get("users", [])]
    return bool(own) and not is_departure(own[-1], reader.user)


def content(entry: dict) -> dict:
    """What an entry says, except the chat's state when it was sent."""
    return {name: value for name, value in entry.items() if name not in ("chat", "chat_id")}
