"""Clients that keep retrying, and a journal of the responses they got."""
import contextlib
import http.client
import random
import threading
import time
from dataclasses import dataclass, field

from Checks.Crash.service import Service
from Checks.Support.server import exchange

WRITERS, CHATS = 12, 8
# A restart takes a fraction of a second, so a post without a response by then will never get one.
TIMEOUT = 30.0


@dataclass
class Post:
    """A request to post. Its name is part of its text, and its key if it has one."""
    name: str
    has_key: bool
    path: str
    body: dict
    answer: dict | None = None
    # Whether its only attempt got `unavailable`: nothing was written.
    refused: bool = False

    @property
    def headers(self) -> dict[str, str]:
        return {"Idempotency-Key": self.name} if self.has_key else {}


@dataclass
class Journal:
    posts: list[Post] = field(default_factory=list)
    replays: int = 0
    faults: int = 0
    refusals: int = 0
    abandoned: int = 0
    problems: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __str__(self) -> str:
        acknowledged = sum(post.answer is not None for post in self.posts)
        return (f"{acknowledged} acknowledged, {self.replays} of them to a repeated key, {self.faults} faults, "
                f"{self.abandoned} posts given up, {self.refusals} of them refused")


class Writer:
    """Sends one post after another on a persistent connection."""

    def __init__(self, number: int, service: Service, journal: Journal, chats: list[int]) -> None:
        self.number, self.service, self.journal, self.chats = number, service, journal, chats
        self.connection = None

    def run(self, stopping: threading.Event) -> None:
        count = 0
        try:
            while not stopping.is_set():
                count += 1
                name = f"writer-{self.number}-post-{count}"
                has_key = count % 3 > 0
                if random.random() < 0.02:
                    self.deliver(Post(name, has_key, "/chats/", {"title": name}))
                else:
                    path = f"/chats/{random.choice(self.chats)}/messages/"
                    self.deliver(Post(name, has_key, path, {"text": f"{name} {random.random()}"}))
        except Exception as error:
            self.journal.problems.append(f"writer {self.number} ended: {error!r}")

    def deliver(self, post: Post) -> None:
        """Repeats a post with a key until it gets a response; sometimes abandons it at once, as clients do."""
        self.journal.posts.append(post)
        start = time.monotonic()
        attempts = 0
        while time.monotonic() - start < TIMEOUT:
            attempts += 1
            try:
                status, headers, answer = self.attempt(post)
            except (OSError, http.client.HTTPException):
                self.connection = None
                status = None
            replayed = status == 200 and headers["Idempotent-Replayed"] == "true" and attempts > 1
            refused = status == 503 and answer["code"] == "unavailable"
            if status == 503:
                time.sleep(0.01)
            with self.journal.lock:
                if status == 201 or replayed:
                    post.answer = answer
                    self.journal.replays += replayed
                    return
                if status not in (None, 503):
                    self.journal.problems.append(f"attempt {attempts} of {post.name}: {status} {answer}")
                    return
                self.journal.faults += 1
                if attempts == 1 and (not post.has_key or random.random() < 0.1):
                    post.refused = refused
                    self.journal.refusals += refused
                    self.journal.abandoned += 1
                    return
        self.journal.problems.append(f"{post.name} was not answered in {TIMEOUT} s")

    def attempt(self, post: Post):
        self.connection = self.connection or self.service.connect()
        return exchange(self.connection, "POST", post.path, post.body, post.headers)


@contextlib.contextmanager
def writing(service: Service, journal: Journal):
    """Concurrent writers. Each finishes its last post."""
    connection = service.connect()
    chats = [exchange(connection, "POST", "/chats/", {"title": "crash"})[2]["id"] for _ in range(CHATS)]
    connection.close()
    stopping = threading.Event()
    writers = [Writer(number, service, journal, chats) for number in range(WRITERS)]
    threads = [threading.Thread(target=writer.run, args=(stopping,), daemon=True) for writer in writers]
    for thread in threads:
        thread.start()
    yield
    stopping.set()
    for thread in threads:
        thread.join()
