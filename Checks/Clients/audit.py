"""Compares what the clients reported with the logs."""
from __future__ import annotations

import collections
import typing
from collections.abc import Iterator

from Checks.Clients.client import Client, Feed, Follow, Message, Renewal

if typing.TYPE_CHECKING:
    from Checks.Clients.harness import Run


def violations(run: Run) -> list[str]:
    """What no wait can repair."""
    return [
        f"{client.name}: {problem}" for client in run.clients.values()
        for problems in (
            client.problems, client.network.problems, received(run, client), sent(run, client), written(run, client),
            grown(client),
        )
        for problem in problems
    ]


async def omissions(run: Run) -> list[str]:
    """What is still missing."""
    return [
        f"{client.name}: {problem}" for client in run.clients.values()
        for problems in (
            unreceived(run, client), unsent(run, client), unsettled(run, client), unwritten(run, client),
            await differences(run, client),
        )
        for problem in problems
    ]


# What changes until an open message has ended.
GROWING = ("text", "state", "length", "revision")


class Walk:
    """Follows a client through a log: entries come in order, each once, none missing."""

    def __init__(self, feed: Feed, log: list[dict]) -> None:
        self.log = log
        # The last position; None until the first entry of a client that follows from now on.
        self.position: int | None = None
        # Whether the last entry may come again, and whether a reset is due: the client knows an earlier epoch.
        self.may_repeat = self.needs_reset = False
        self.is_new_epoch = False
        self.follow: Follow | None = None
        self.problems = [problem for item in feed.items if (problem := self._take(item))]

    def _take(self, item: Follow | Renewal | dict) -> str | None:
        if isinstance(item, Follow):
            self._start(item)
        elif isinstance(item, Renewal):
            self.is_new_epoch = True
            self.needs_reset = self.needs_reset or self.position not in (None, 0)
        elif item["type"] == "reset":
            if not self.is_new_epoch:
                return "got a reset, but the epoch is the same"
            self.position, self.needs_reset, self.may_repeat = 0, False, False
        elif "seq" in item:
            return self._advance(item)

    def _start(self, follow: Follow) -> None:
        if follow.after is not None:
            # A plain number belongs to every epoch.
            self.position, self.may_repeat, self.needs_reset = follow.after, False, False
        elif self.position is not None:
            self.may_repeat = True
        elif self.follow is None:
            self.follow = follow
        else:
            # Where the client was is unknown to it, too, if it was killed so early.
            self.follow = Follow(None, self.follow.floor)

    def _advance(self, entry: dict) -> str | None:
        seq, last, may_repeat = entry["seq"], self.position, self.may_repeat
        self.position, self.may_repeat = seq, False
        if last is None:
            if seq <= self.follow.floor:
                return f"got {seq}, but follows from now on, after {self.follow.floor}"
            if self.follow.ceiling is not None and seq > self.follow.ceiling + 1:
                return f"got {seq} first, but had caught up at {self.follow.ceiling} or before"
        elif seq != last + 1 and not (may_repeat and seq == last):
            return f"got {seq} after {last}"
        if seq <= len(self.log) and content(entry) != content(self.log[seq - 1]):
            return f"got {content(entry)} for {content(self.log[seq - 1])}"


def received(run: Run, client: Client) -> Iterator[str]:
    for chat, feed in client.feeds.items():
        for problem in Walk(feed, run.logs[chat]).problems:
            yield f"chat {chat}: {problem}"


def unreceived(run: Run, client: Client) -> Iterator[str]:
    for chat, feed in client.feeds.items():
        end, walk = len(run.logs[chat]), Walk(feed, run.logs[chat])
        if not feed.is_wanted:
            continue
        if (client.user, chat) not in run.members:
            if not feed.has_ended:
                yield f"chat {chat}: still follows the chat that it left"
            if walk.position and walk.position > departure(client, run.logs[chat]):
                yield f"chat {chat}: got {walk.position} after it had left"
        elif walk.position is None or walk.position != end:
            yield f"chat {chat}: is at {walk.position} of {end}"
        elif walk.needs_reset:
            yield f"chat {chat}: got no reset, but the epoch is another"


def departure(client: Client, log: list[dict]) -> int:
    return max(entry["seq"] for entry in log if entry["type"] == "member.left" and client.user in entry["users"])


def sent(run: Run, client: Client) -> Iterator[str]:
    places = positions(run)
    for chat, text in client.refused:
        if places[chat, text]:
            yield f"{text} is in the log, but another message had its key"
    last: dict[int, int] = {}
    for message in (client.messages[key] for key in client.order):
        found = places[message.chat, message.text]
        has_left = (client.user, message.chat) in run.departed
        if len(found) > 1:
            yield f"{message.key} is in the log at {found}"
        for report in message.reports:
            position = report["seq"] if report["status"] == "sent" else None
            if position and position not in found and position <= len(run.logs[message.chat]):
                yield f"{message.key} was sent as {position}, but is in the log at {found}"
        if message.status == "failed" and not may_fail(message, has_left):
            yield f"{message.key} failed with {message.code}"
        # The response may have been lost before the user left; then only a 404 remains.
        if any(report["status"] == "failed" for report in message.reports) and has_left:
            continue
        if message.status == "failed" and found:
            yield f"{message.key} failed, but is in the log at {found}"
        for position in found:
            if position < last.get(message.chat, 0):
                yield f"{message.key} is in the log at {position}, after {last[message.chat]} of an earlier one"
            last[message.chat] = position


def may_fail(message: Message, has_left: bool) -> bool:
    return message.code == "validation_failed" and not message.is_valid or message.code == "chat_not_found" and has_left


def unsent(run: Run, client: Client) -> Iterator[str]:
    places = positions(run)
    for message in client.messages.values():
        if message.status == "sent" and not places[message.chat, message.text]:
            yield f"{message.key} was sent, but is not in the log"
        elif not message.is_settled and not message.has_vanished:
            yield f"{message.key} is {message.status}"
        elif not message.is_settled and message.was_stored and not places[message.chat, message.text]:
            yield f"{message.key} was stored, but is lost"


def unsettled(run: Run, client: Client) -> Iterator[str]:
    """What a client must still do before it is told to stop."""
    if not client.is_running:
        return
    if client.follows_anything and client.status != "live":
        yield f"is {client.status}"
    if client.network.open_streams > 1:
        yield f"has {client.network.open_streams} streams"
    for chat in run.chats:
        keys = client.pending.get(chat)
        failed = [
            key for key in client.order if (message := client.messages[key]).chat == chat
            and message.status == "failed" and not message.is_discarded
        ]
        if keys != failed:
            yield f"chat {chat}: lists {keys} as pending for {failed}"


def written(run: Run, client: Client) -> Iterator[str]:
    ends = ended(run)
    for reply in client.written.values():
        if reply.report is None:
            continue
        if reply.report.get("state") != "done":
            yield f"{reply.key} ended as {reply.report}"
        text = ends.get(reply.report.get("id"))
        if text is not None and text != reply.text:
            yield f"{reply.key} was written as {text!r}, not as {reply.text!r}"


def unwritten(run: Run, client: Client) -> Iterator[str]:
    messages, ends = streamed(run), ended(run)
    reports = [reply.report for each in run.clients.values() for reply in each.written.values()]
    for reply in client.written.values():
        if reply.report is None:
            yield f"{reply.key} has not ended"
        elif reply.report["id"] not in ends:
            yield f"{reply.key} is not in the log"
    if strangers := {*messages} - {report["id"] for report in reports if report}:
        yield f"nobody has written {strangers}"


def ended(run: Run) -> dict[int, str]:
    """The texts of the messages that were open and have ended, by their ids."""
    return {id: message["text"] for id, message in streamed(run).items() if message["state"] != "open"}


def streamed(run: Run) -> dict[int, dict]:
    """The messages that were posted open, as the last entry about each shows them."""
    entries = [entry for log in run.logs.values() for entry in log if entry["type"].startswith("message.")]
    return {entry["message"]["id"]: entry["message"] for entry in entries if "state" in entry["message"]}


def grown(client: Client) -> Iterator[str]:
    """Pieces that do not continue what the client has shown."""
    for chat, feed in client.feeds.items():
        texts: dict[int, str] = {}
        for event in feed.events:
            if event["type"] == "message.appended":
                id, at, shown = event["message_id"], event["at"], texts.get(event["message_id"], "")
                if at > len(shown):
                    yield f"chat {chat}: got a piece at {at}, but has {len(shown)} characters of {id}"
                texts[id] = shown[:at] + event["text"]
            elif "id" in event.get("message", {}):
                texts[event["message"]["id"]] = event["message"]["text"]


async def differences(run: Run, client: Client) -> list[str]:
    """Where the inbox differs from the list of chats."""
    if client.inbox is None:
        return []
    page = await run.backend.request("GET", "/chats/?limit=100", user=client.user)
    expected = {chat["id"]: chat for chat in page["chats"]}
    shown = {chat: state(line) for chat, line in client.inbox.items()}
    return [
        f"the inbox shows {shown.get(chat)} for {expected.get(chat)}"
        for chat in expected.keys() | shown.keys() if expected.get(chat) != shown.get(chat)
    ]


def state(line: dict) -> dict:
    """A line of the inbox in the form of the list of chats."""
    return line["chat"] | {
        name: line[name] for name in ("last_message", "role", "read_seq", "unread", "more") if name in line
    }


def positions(run: Run) -> dict[tuple[int, str], list[int]]:
    """Where each text is in the logs."""
    found = collections.defaultdict(list)
    for chat, log in run.logs.items():
        for entry in log:
            if entry["type"] == "message.created":
                found[chat, entry["message"]["text"]].append(entry["seq"])
    return found


def content(entry: dict) -> dict:
    """What an entry says, except the state of its chat and what only the author of a message is shown."""
    said = {name: value for name, value in entry.items() if name not in ("chat", "chat_id")}
    if "message" in said:
        # An entry shows its message as it is when it is read, and an open one changes.
        is_streamed = "state" in said["message"]
        hidden = ("idempotency_key", *(GROWING if is_streamed else ()))
        said["message"] = {name: value for name, value in said["message"].items() if name not in hidden}
    return said
