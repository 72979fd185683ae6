"""The clients: some post, one changes members, and some stream."""
import contextlib
import http.client
import itertools
import os
import random
import threading
import time
from dataclasses import dataclass, field

from Checks.Crash.service import Service
from Checks.Support.events import events
from Checks.Support.server import exchange

KEY_VARIABLE = "CHAT_SERVER_KEY"
CHATS, USERS, WRITERS = 3, 6, 4
# The seconds within which a request is repeated, and streams must arrive at the end of their logs.
TIMEOUT = 30.0


def headers(user: str | None = None) -> dict[str, str]:
    return {"Authorization": f"Bearer {os.environ[KEY_VARIABLE]}", **({"Act-As": user} if user else {})}


def request(service: Service, method: str, path: str, body: dict | None = None, user: str | None = None):
    """Repeats a request across restarts until it gets a response, and returns its status and JSON body."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = service.connect()
            with contextlib.closing(connection):
                status, _, answer = exchange(connection, method, path, body, headers(user))
            if status != 503:
                return status, answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{method} {path} was not answered in {TIMEOUT} s")
        time.sleep(0.01)


@dataclass
class Stream:
    """What a client received on one connection, by chat."""
    # The end of the log of each chat that the stream follows, as of its start.
    ends: dict[int, int] = field(default_factory=dict)
    # The client's position in each chat before the stream.
    starts: dict[int, int] = field(default_factory=dict)
    entries: dict[int, list[dict]] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)

    @property
    def open_chats(self) -> set[int]:
        return self.ends.keys() - self.deleted


class Reader:
    """Streams chats as one of their members, and resumes after the last entry that it received."""

    def __init__(self, user: str, chats: list[int], service: Service) -> None:
        self.user, self.chats, self.service = user, chats, service
        self.positions = dict.fromkeys(chats, 0)
        self.id = None
        self.streams: list[Stream] = []
        self.refusals = self.cuts = 0
        self.problems: list[str] = []

    def __str__(self) -> str:
        return f"{self.user} in {self.chats}"

    @property
    def open_chats(self) -> set[int]:
        return self.streams[-1].open_chats if self.streams else set()

    def run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                self.read(stopping)
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
            except Exception as error:
                self.problems.append(f"{self} ended: {error!r}")
                return

    def read(self, stopping: threading.Event) -> None:
        places = [f"{chat}:{position}" for chat, position in self.positions.items()]
        path = f"/events?chats={','.join(places)}"
        if len(self.chats) == 1:
            path = f"/chats/{self.chats[0]}/events?after={self.positions[self.chats[0]]}"
        connection = self.service.connect()
        with contextlib.closing(connection):
            stream = Stream(starts=dict(self.positions))
            resume = {"Last-Event-ID": self.id} if self.id else {}
            connection.request("GET", path, headers=headers(self.user) | resume)
            answer = connection.getresponse()
            # Also if it is refused: the earlier stream is no longer open.
            self.streams.append(stream)
            if answer.status != 200:
                self.refusals += answer.status == 404
                if answer.status not in (404, 503):
                    self.problems.append(f"{self}: {answer.status} {answer.read()[:200]}")
                time.sleep(0.02)
                return
            renewal = None
            for kind, id, data in events(answer):
                self.id = id or self.id
                if kind:
                    self.receive(stream, kind, data)
                # A stream of several chats takes up a chat that its user joins again only when it resumes.
                if kind and renewal is None and len(self.chats) > len(stream.open_chats):
                    renewal = time.monotonic() + random.uniform(0, 0.5)
                if stopping.is_set() or renewal and time.monotonic() > renewal:
                    return
            self.cuts += bool(stream.open_chats)

    def receive(self, stream: Stream, kind: str, data: dict) -> None:
        if kind == "hello":
            stream.ends = {chat["chat_id"]: chat["last_seq"] for chat in data.get("chats", [data])}
        elif kind == "chat.deleted":
            stream.deleted.add(data["chat_id"])
        elif "seq" in data:
            chat = data["chat_id"]
            stream.entries.setdefault(chat, []).append(data)
            # Since its last id, a stream of several chats repeats entries.
            self.positions[chat] = max(self.positions[chat], data["seq"])
        elif kind not in ("caught_up", "reconnect"):
            self.problems.append(f"{self}: {kind} {data}")


class Chats:
    """The chats, their members and all clients."""

    def __init__(self, changing: Service, streaming: Service) -> None:
        self.changing, self.streaming = changing, streaming
        self.users = [f"user-{number}" for number in range(USERS)]
        self.ids = [
            request(changing, "POST", "/chats/", {"title": "members", "members": self.users}, "owner")[1]["id"]
            for _ in range(CHATS)
        ]
        self.members = {(chat, user) for chat in self.ids for user in self.users}
        self.readers = [Reader(user, [self.ids[number % CHATS]], streaming) for number, user in enumerate(self.users)]
        self.readers += [Reader(user, self.ids, streaming) for user in self.users[:2]]
        self.posts = self.changes = 0
        self.problems: list[str] = []

    def __str__(self) -> str:
        streams, refusals, cuts = (
            sum(counts) for counts in zip(*((len(r.streams), r.refusals, r.cuts) for r in self.readers))
        )
        return (f"{self.posts} posts, {self.changes} members removed or added, {streams} streams of "
                f"{len(self.readers)} clients, {refusals} of them refused and {cuts} cut off")

    def write(self, number: int, stopping: threading.Event) -> None:
        service = [self.changing, self.streaming][number % 2]
        for count in itertools.count():
            if stopping.is_set():
                return
            path = f"/chats/{random.choice(self.ids)}/messages/"
            status, answer = request(service, "POST", path, {"text": f"writer {number}, post {count}"})
            if status != 201:
                self.problems.append(f"a post: {status} {answer}")
            self.posts += 1
            time.sleep(0.01)

    def change(self, stopping: threading.Event) -> None:
        """Removes and adds members, some of them within an instant."""
        while not stopping.is_set():
            chat, user = random.choice(self.ids), random.choice(self.users)
            self.toggle(chat, user)
            if random.random() < 0.3:
                self.toggle(chat, user)
            time.sleep(random.uniform(0, 0.05))

    def toggle(self, chat: int, user: str) -> None:
        path, member = f"/chats/{chat}/members/{user}", (chat, user)
        if member in self.members:
            status, answer = request(self.changing, "DELETE", path, user="owner")
            # The first attempt may have succeeded without a response.
            if status not in (204, 404):
                self.problems.append(f"DELETE {path}: {status} {answer}")
            status, _ = request(self.streaming, "GET", f"/chats/{chat}", user=user)
            if status != 404:
                self.problems.append(f"{status} for {user} after the removal from {chat}")
        else:
            status, answer = request(self.changing, "PUT", path, {"role": "member"}, "owner")
            if status != 200:
                self.problems.append(f"PUT {path}: {status} {answer}")
        self.members ^= {member}
        self.changes += 1

    def log(self, chat: int) -> list[dict]:
        """The whole log, as a server key reads it."""
        entries = []
        while True:
            after = entries[-1]["seq"] if entries else 0
            page = request(self.changing, "GET", f"/chats/{chat}/log?after={after}&limit=100")[1]
            entries += page["entries"]
            if not page["entries"] or entries[-1]["seq"] == page["last_seq"]:
                return entries

    def unfinished(self) -> list[str]:
        """The clients that have not arrived at the end of a log, or follow a chat that their user has left."""
        ends = {chat: request(self.changing, "GET", f"/chats/{chat}")[1]["last_seq"] for chat in self.ids}
        late = []
        for reader in self.readers:
            for chat in reader.chats:
                if (chat, reader.user) not in self.members:
                    if chat in reader.open_chats:
                        late.append(f"{reader} still follows {chat}")
                elif reader.positions[chat] != ends[chat]:
                    late.append(f"{reader} is at {reader.positions[chat]} of {ends[chat]} in {chat}")
        return late


@contextlib.contextmanager
def working(chats: Chats):
    """Runs all clients; afterward, streams arrive at the end of their logs before they end."""

    def start(target, *arguments) -> threading.Thread:
        def run() -> None:
            try:
                target(*arguments)
            except Exception as error:
                chats.problems.append(f"a client ended: {error!r}")

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def wait_for_readers() -> list[str]:
        deadline = time.monotonic() + TIMEOUT
        while (late := chats.unfinished()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return late

    stopping, reading_ends = threading.Event(), threading.Event()
    readers = [start(reader.run, reading_ends) for reader in chats.readers]
    chats.problems += wait_for_readers()
    workers = [start(chats.write, number, stopping) for number in range(WRITERS)] + [start(chats.change, stopping)]
    yield
    stopping.set()
    for worker in workers:
        worker.join()
    chats.problems += wait_for_readers()
    reading_ends.set()
    for reader in readers:
        reader.join()
