"""A client under test: its driver's process, and what it reported."""
import asyncio
import collections
import json
import pathlib
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from Checks.Clients import tokens
from Checks.Clients.proxy import Network

# Seconds within which a driver must stop.
STOP_PATIENCE = 5.0
# The backoff of the clients: short, so that they recover within a scenario.
DELAYS = {"min_delay": 0.02, "max_delay": 0.5}
LONGEST_LINE = 1 << 20
# What may be reported of a settled message: the same again, or that it is sent again.
CHANGES_OF_SETTLED = {("sent", "sent"), ("failed", "failed"), ("failed", "pending")}


@dataclass(eq=False)
class Follow:
    """A request to receive a chat: after a position, or after the stored one, or, without one, from now on."""
    after: int | None
    # The end of the log when the client was told to follow, and the first known one after it had caught up.
    floor: int
    ceiling: int | None = None


class Renewal:
    """A new epoch."""


@dataclass
class Feed:
    """What a client received of one chat: each `Follow`, the events after it, and each `Renewal`."""
    items: list[Follow | Renewal | dict] = field(default_factory=list)
    is_wanted: bool = True
    has_ended: bool = False

    @property
    def last_follow(self) -> Follow:
        return next(item for item in reversed(self.items) if isinstance(item, Follow))

    @property
    def events(self) -> list[dict]:
        return [item for item in self.items if isinstance(item, dict)]

    def count(self) -> int:
        """The number of events since the last `Follow`."""
        return sum(isinstance(item, dict) for item in self.items[self.items.index(self.last_follow):])


@dataclass
class Message:
    """A message that a client was told to send, and what became of it."""
    key: str
    chat: int
    text: str
    is_valid: bool
    reports: list[dict] = field(default_factory=list)
    # Whether it was seen in the client's store, and whether it was not when the client was killed. If neither the store
    # nor a report tells of it, it was sent, or the client was killed before it could store it.
    was_stored: bool = False
    has_vanished: bool = False
    is_discarded: bool = False
    # The one that reported last.
    process: asyncio.subprocess.Process | None = None

    @property
    def status(self) -> str | None:
        return self.reports[-1]["status"] if self.reports else None

    @property
    def code(self) -> str | None:
        return self.reports[-1].get("code")

    @property
    def is_settled(self) -> bool:
        return self.status in ("sent", "failed")


@dataclass
class Reply:
    """A message that a client was told to write piece by piece, and how the client says that it has ended."""
    key: str
    chat: int
    text: str = ""
    is_finished: bool = False
    report: dict | None = None


class Client:
    def __init__(
        self, name: str, user: str, command: list[str], folder: pathlib.Path, network: Network,
        moments: random.Random, trace: Callable[[str], None], patience: float,
    ) -> None:
        # The seconds within which a driver must start or store a message.
        self.patience = patience
        self.name, self.user, self.command, self.network, self.moments = name, user, command, network, moments
        self.trace = lambda text: trace(f"{name}: {text}")
        self.store, self.errors = folder / f"{name}.json", folder / f"{name}.errors"
        self.process: asyncio.subprocess.Process | None = None
        self.reading: asyncio.Task | None = None
        self.replies: set[asyncio.Task] = set()
        self.started, self.is_frozen, self.is_stopping = asyncio.Event(), False, False
        self.feeds: dict[int, Feed] = {}
        # The last line of each chat of the inbox; None if nobody asked for the inbox.
        self.inbox: dict[int, dict] | None = None
        self.messages: dict[str, Message] = {}
        # The keys in the order in which they were sent or sent again.
        self.order: list[str] = []
        # Chats and texts that were sent under the key of another message.
        self.refused: list[tuple[int, str]] = []
        self.written: dict[str, Reply] = {}
        self.status: str | None = None
        # The last answer of each chat about what is pending.
        self.pending: dict[int, list[str]] = {}
        self.token: tokens.Token | None = None
        self.token_kinds: collections.deque[str] = collections.deque()
        self.token_requests = self.open_token_requests = 0
        self.problems: list[str] = []
        # Called with each event of a chat.
        self.on_event: Callable[[int, dict], None] = lambda chat, event: None

    @property
    def is_running(self) -> bool:
        return self.process is not None

    @property
    def follows_anything(self) -> bool:
        return self.inbox is not None or any(feed.is_wanted and not feed.has_ended for feed in self.feeds.values())

    async def start(self) -> None:
        self.token, self.open_token_requests, self.status = None, 0, None
        # A new process knows of no wait.
        self.network.not_before.clear()
        self.started.clear()
        with self.errors.open("a") as errors:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=errors,
                limit=LONGEST_LINE,
            )
        self.reading = asyncio.create_task(self._read(self.process.stdout))
        self.tell(do="start", url=f"http://127.0.0.1:{self.network.port}", store=str(self.store), **DELAYS)
        started = asyncio.create_task(self.started.wait())
        done, _ = await asyncio.wait(
            {started, self.reading}, timeout=self.patience, return_when=asyncio.FIRST_COMPLETED,
        )
        if started not in done:
            started.cancel()
            raise RuntimeError(f"{self.name} did not start: {self.errors.read_text()[-500:]}")

    async def stop(self) -> None:
        await self.store_messages()
        self.tell(do="stop")
        self.is_stopping = True
        try:
            if status := await asyncio.wait_for(self.process.wait(), STOP_PATIENCE):
                self.problems.append(f"ended with status {status}")
        except TimeoutError:
            self.problems.append("did not stop")
        await self.kill()

    async def kill(self) -> None:
        """Kills the process, and reads the last lines that it printed."""
        process, self.process, self.is_frozen, self.is_stopping = self.process, None, False, False
        if process.returncode is None:
            process.kill()
            await process.wait()
        await self.reading
        for reply in self.replies:
            reply.cancel()
        for message in self._unstored_messages():
            message.has_vanished = True

    def freeze(self, frozen: bool) -> None:
        self.is_frozen = frozen
        self.process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    async def store_messages(self) -> None:
        """Waits until each message is settled or stored."""
        deadline = time.monotonic() + self.patience
        while unstored := self._unstored_messages():
            if time.monotonic() > deadline:
                self.problems.append(f"never stored {unstored[0].key}")
                return
            await asyncio.sleep(0.005)

    def _unstored_messages(self) -> list[Message]:
        stored = self.store.read_text() if self.store.exists() else ""
        open_messages = [
            message for message in self.messages.values() if not message.is_settled and not message.has_vanished
        ]
        for message in open_messages:
            message.was_stored |= message.key in stored
        return [message for message in open_messages if message.key not in stored]

    def tell(self, **command) -> None:
        if command["do"] not in ("token", "pending"):
            self.trace(" ".join(f"{value}" for name, value in command.items() if name not in ("url", "store")))
        if command["do"] in ("follow", "unfollow", "inbox", "online"):
            self.network.forgive()
        # A reply to a process that has ended is lost.
        if self.process:
            self.process.stdin.write(json.dumps(command).encode() + b"\n")

    def follow(self, chat: int, after: int | None, floor: int, slow: float) -> None:
        feed = self.feeds.setdefault(chat, Feed())
        feed.is_wanted, feed.has_ended = True, False
        feed.items.append(Follow(after, floor))
        self.tell(do="follow", chat=chat, **({} if after is None else {"after": after}), **pause(slow))

    def unfollow(self, chat: int) -> None:
        self.feeds[chat].is_wanted = False
        self.tell(do="unfollow", chat=chat)

    def follow_inbox(self, slow: float) -> None:
        self.inbox = self.inbox or {}
        self.tell(do="inbox", **pause(slow))

    def send(self, message: Message) -> None:
        """Sends a message; again under its key if it was sent before, as when an application handles an event again."""
        self.messages[message.key] = message
        self._move_to_end(message)
        self.tell(do="send", chat=message.chat, text=message.text, key=message.key)

    def send_instead(self, message: Message, text: str) -> None:
        """Sends another text under the key of a message."""
        self.refused.append((message.chat, text))
        self.tell(do="send", chat=message.chat, text=text, key=message.key)

    def retry(self, message: Message) -> None:
        self._move_to_end(message)
        self.tell(do="retry", chat=message.chat, key=message.key)

    def discard(self, message: Message) -> None:
        message.is_discarded = True
        self.tell(do="discard", chat=message.chat, key=message.key)

    def reply(self, reply: Reply) -> None:
        """Writes a reply; again, from its start, if the process that wrote it was killed."""
        self.written[reply.key] = reply
        self.tell(do="reply", chat=reply.chat, key=reply.key)
        if reply.text:
            self.tell(do="append", key=reply.key, text=reply.text)
        if reply.is_finished:
            self.finish(reply)

    def append(self, reply: Reply, text: str) -> None:
        reply.text += text
        self.tell(do="append", key=reply.key, text=text)

    def finish(self, reply: Reply) -> None:
        reply.is_finished = True
        self.tell(do="finish", key=reply.key)

    def _move_to_end(self, message: Message) -> None:
        self.order = [key for key in self.order if key != message.key] + [message.key]

    async def _read(self, output: asyncio.StreamReader) -> None:
        while line := await output.readline():
            # The last line of a killed process may be incomplete.
            if line.endswith(b"\n"):
                try:
                    self._receive(json.loads(line))
                except (ValueError, LookupError, TypeError) as error:
                    self.problems.append(f"printed {line!r}: {error!r}")

    def _receive(self, event: dict) -> None:
        kind, chat = event["event"], event.get("chat")
        if kind == "started":
            self.started.set()
        elif kind == "token_needed":
            self._need_token()
        elif kind == "entry":
            self.trace(f"received {chat}: {described(event['data'])}")
            self.feeds[chat].items.append(event["data"])
            self.on_event(chat, event["data"])
        elif kind == "ended" and self.is_stopping:
            pass
        elif kind == "ended":
            self.trace(f"received the end of {chat}")
            self.feeds[chat].has_ended = True
            self.on_event(chat, event)
        elif kind == "inbox":
            self._receive_line(event["data"])
        elif kind == "message":
            self._report(event)
        elif kind == "reply":
            self.trace(" ".join(f"{value}" for value in event.values()))
            self.written[event["key"]].report = event
        elif kind == "pending":
            self.pending[chat] = event["keys"]
        elif kind == "status":
            self.trace(f"is {event['status']}")
            self.status = event["status"]
        else:
            raise ValueError("an unknown event")

    def _receive_line(self, line: dict) -> None:
        self.trace(f"received the inbox line {described(line)}")
        if line["type"] == "chat":
            self.inbox[line["chat_id"]] = line
        elif line["type"] == "left":
            self.inbox.pop(line["chat_id"], None)
        elif line["type"] == "reset":
            self.inbox.clear()

    def _report(self, event: dict) -> None:
        message = self.messages[event["key"]]
        self.trace(" ".join(str(event.get(name, "")) for name in ("key", "status", "seq", "code")).rstrip())
        # A client that was killed may not have stored that a message was sent, and repeats it.
        is_repeated = message.is_settled and message.process is not self.process
        if message.is_settled and not is_repeated and (message.status, event["status"]) not in CHANGES_OF_SETTLED:
            self.problems.append(f"{message.key} is {event['status']} after it was {message.status}")
        message.process = self.process
        message.reports.append(event)

    def _need_token(self) -> None:
        self.token_requests += 1
        self.open_token_requests += 1
        self.trace("needs a token")
        if self.open_token_requests > 1:
            self.problems.append("asks for a token while it waits for one")
        left = self.token.expires - time.time() if self.token else 0
        if left > 60 and self.token.text not in self.network.refused:
            self.problems.append(f"asks for a token although its own is good for {left:.0f} s")
        self.replies.add(reply := asyncio.create_task(self._give_token()))
        reply.add_done_callback(self.replies.discard)

    async def _give_token(self) -> None:
        await asyncio.sleep(self.moments.uniform(0, 0.03))
        kind = self.token_kinds.popleft() if self.token_kinds else "long"
        self.trace(f"gets {'an error' if kind == 'none' else f'a {kind} token'}")
        self.open_token_requests -= 1
        self.token = None if kind == "none" else tokens.sign(self.user, tokens.LIVES[kind])
        self.tell(do="token", **({"token": self.token.text} if self.token else {"error": "no session"}))


def pause(slow: float) -> dict[str, float]:
    return {"slow": slow} if slow else {}


def described(data: dict) -> str:
    return " ".join(str(data[name]) for name in ("seq", "type", "chat_id", "last_seq") if name in data)
