"""Many clients in one process: stream subscribers and posters on a single epoll.

They share the machine with the server, so they do as little as possible: count the ends of events, and parse only the last
position of each batch, which proves that no event is missing or duplicated.
"""
import itertools
import json
import re
import resource
import select
import socket
import struct
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# The end of an event, which is one chunk of the body. A heartbeat has no brace.
EVENT_END = b"}\n\n\r\n"
CAUGHT_UP = re.compile(rb"\nid: [0-9a-f]{8}\.(\d+)\nevent: caught_up\n.*\n\n\r\n")
ENTRY = re.compile(rb"\nid: [0-9a-f]{8}\.(\d+)\nevent: message\.created\ndata: .*\}\n\n\r\n")
# The number of clients that connect at a time, less than the server's backlog.
AT_ONCE = 100
# Timeout in seconds for everything that a client waits for.
TIMEOUT = 30


def allow_open_files(count: int) -> None:
    """Lifts this process's limit on open files, which the server inherits; `RuntimeError` if the system forbids it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < count:
        raise RuntimeError(f"{count:,} open files are needed, but the system allows {hard:,} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count if hard == resource.RLIM_INFINITY else hard, hard))


sources = itertools.cycle(f"127.0.0.{number}" for number in range(2, 18))


def connect(port: int) -> socket.socket:
    """Connects from many source addresses: ports of closed connections stay unavailable for a minute."""
    return socket.create_connection(("127.0.0.1", port), TIMEOUT, (next(sources), 0))


def request(method: str, path: str, body: dict | None = None, headers: dict[str, str] | None = None) -> bytes:
    content = json.dumps(body).encode() if body else b""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def events_request(chat: int, after: int | None = None) -> bytes:
    return request("GET", f"/chats/{chat}/events", headers={} if after is None else {"Last-Event-ID": str(after)})


def idle_connection(port: int) -> socket.socket:
    """A connection kept open after one response."""
    connection = connect(port)
    connection.sendall(request("GET", "/health/live"))
    if not connection.recv(4096).startswith(b"HTTP/1.1 200 "):
        raise RuntimeError("GET /health/live failed")
    return connection


class Stream:
    """A subscriber of a chat's stream, with the position that it has reached."""

    __slots__ = "connection", "chat", "position", "rest"

    def __init__(self, port: int, chat: int) -> None:
        self.connection = connect(port)
        self.connection.sendall(events_request(chat))
        self.chat, self.position, self.rest = chat, 0, b""

    def catch_up(self) -> None:
        """Waits until the stream has caught up."""
        received = b""
        while not (found := CAUGHT_UP.search(received)):
            received += self.connection.recv(4096) or refuse(received)
        self.position = int(found[1])
        self.connection.setblocking(False)

    def reset(self) -> None:
        """Resets the connection, as when a client crashes."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def refuse(received: bytes) -> bytes:
    raise RuntimeError(f"a connection ended: {received[-1000:]!r}")


def open_streams(port: int, chats: Iterable[int]) -> list[Stream]:
    """Opens one stream per chat; a chat may occur several times."""
    opened, waiting = [], iter(chats)
    while batch := [Stream(port, chat) for chat in itertools.islice(waiting, AT_ONCE)]:
        for stream in batch:
            stream.catch_up()
        opened += batch
    return opened


class Poster:
    """A client that posts repeatedly."""

    def __init__(self, port: int) -> None:
        self.connection = connect(port)
        self.chat = 0
        self.sent = 0.0
        self.received = b""

    def post(self, chat: int, message: bytes) -> None:
        self.chat, self.received, self.sent = chat, b"", time.perf_counter()
        self.connection.sendall(message)

    def take(self) -> int | None:
        """Returns the posted message's position once the response has arrived."""
        self.received += self.connection.recv(16_384) or refuse(self.received)
        head, _, body = self.received.partition(b"\r\n\r\n")
        if not body.endswith(b"}"):
            return None
        if not head.startswith(b"HTTP/1.1 201 "):
            raise RuntimeError(f"a post failed: {self.received!r}")
        return json.loads(body)["seq"]


@dataclass
class Run:
    """The figures of a run; `seconds` is wall-clock time, `cpu_seconds` the load generator's own."""

    posts: int
    deliveries: int
    seconds: float
    cpu_seconds: float
    latencies: list[float]

    def percentile(self, percent: int) -> int:
        """A percentile of the latency from sending a post to its arrival at a subscriber, in microseconds."""
        return round(self.latencies[(len(self.latencies) - 1) * percent // 100] * 1e6)


class Audience:
    """Subscribers of one or more chats, to which posters post."""

    def __init__(self, port: int, chats: Sequence[int]) -> None:
        """Opens one subscriber per chat; a chat may occur several times."""
        self.port = port
        self.subscribers = {chat: 0 for chat in chats}
        self.streams = {}
        self.epoll = select.epoll()
        for stream in open_streams(port, chats):
            self.subscribers[stream.chat] += 1
            self.streams[stream.connection.fileno()] = stream
            self.epoll.register(stream.connection, select.EPOLLIN)

    def close(self) -> None:
        self.epoll.close()
        for stream in self.streams.values():
            stream.connection.close()

    def run(self, seconds: float, in_flight: int, text: str) -> Run:
        """Posts to the chats in turn; a post counts as in flight until every subscriber has received it."""
        messages = {chat: request("POST", f"/chats/{chat}/messages/", {"text": text}) for chat in self.subscribers}
        chats = itertools.cycle(messages)
        posters = {poster.connection.fileno(): poster for poster in (Poster(self.port) for _ in range(in_flight))}
        for poster in posters.values():
            self.epoll.register(poster.connection, select.EPOLLIN)

        # By chat and position: when it was sent, how many subscribers have not received it, and its poster.
        sent, unreceived, waiting = {}, {}, {}
        arrivals, busy, last = [], len(posters), 0.0
        cpu, start = time.process_time(), time.perf_counter()
        deadline = start + seconds
        for poster in posters.values():
            poster.post(chat := next(chats), messages[chat])

        def go_on(poster: Poster) -> int:
            if time.perf_counter() >= deadline:
                return 1
            poster.post(chat := next(chats), messages[chat])
            return 0

        clock, streams, subscribers = time.perf_counter, self.streams, self.subscribers
        while busy:
            ready = self.epoll.poll(TIMEOUT, 512)
            if not ready:
                raise RuntimeError(f"received nothing for {TIMEOUT} s with {len(unreceived)} posts in flight")
            for file, _ in ready:
                stream = streams.get(file)
                if stream is None:
                    poster = posters[file]
                    position = poster.take()
                    if position is not None:
                        key = poster.chat, position
                        sent[key] = poster.sent
                        if unreceived.get(key) == 0:
                            busy -= go_on(poster)
                        else:
                            waiting[key] = poster
                    continue
                received = stream.rest + (stream.connection.recv(16_384) or refuse(stream.rest))
                count = received.count(EVENT_END)
                if not count:
                    stream.rest = received
                    continue
                last = clock()
                end = received.rindex(EVENT_END) + len(EVENT_END)
                stream.rest = received[end:]
                # The position follows the epoch and a dot.
                begin = received.index(b".", received.rindex(b"\nid: ", 0, end)) + 1
                position = int(received[begin:received.index(b"\n", begin)])
                if position != stream.position + count:
                    raise RuntimeError(f"{count} entries after {stream.position} end at {position}")
                chat = stream.chat
                arrivals.append((last, chat, stream.position, count))
                for reached in range(stream.position + 1, position + 1):
                    key = chat, reached
                    unreceived[key] = left = unreceived.get(key, subscribers[chat]) - 1
                    if not left and key in waiting:
                        busy -= go_on(waiting.pop(key))
                stream.position = position
        cpu = time.process_time() - cpu

        for poster in posters.values():
            self.epoll.unregister(poster.connection)
            poster.connection.close()
        latencies = sorted(
            arrived - sent[chat, position]
            for arrived, chat, before, count in arrivals
            for position in range(before + 1, before + count + 1)
        )
        return Run(len(sent), len(latencies), last - start, cpu, latencies)


class SlowSubscriber:
    """A subscriber with a small receive buffer that reads one byte per second."""

    def __init__(self, port: int, chat: int, position: int) -> None:
        self.port, self.chat, self.position = port, chat, position
        self.connection = socket.socket()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.connection.settimeout(TIMEOUT)
        self.connection.connect(("127.0.0.1", port))
        self.connection.sendall(events_request(chat, position))
        self.received = b""
        self.hurry = threading.Event()
        self.thread = threading.Thread(target=self._take)
        self.thread.start()

    def _take(self) -> None:
        while not self.hurry.wait(1):
            self.received += self.connection.recv(1)

    def finish(self) -> int:
        """Reads the rest of its stream at full speed; returns the total number of entries received."""
        self.hurry.set()
        self.thread.join()
        try:
            while part := self.connection.recv(65_536):
                self.received += part
        except ConnectionResetError:
            pass  # Entries that had not left the server are lost and not counted.
        self.connection.close()
        return self._check(self.received)

    def resume(self, end: int) -> int:
        """Reconnects and resumes, up to a position; returns the number of entries received."""
        connection = connect(self.port)
        connection.sendall(events_request(self.chat, self.position))
        received, count = b"", 0
        while self.position < end:
            received += connection.recv(65_536) or refuse(received)
            if received.endswith(EVENT_END):
                count += self._check(received)
                received = b""
        connection.close()
        return count

    def _check(self, received: bytes) -> int:
        """Counts entries; raises `RuntimeError` if any are missing, duplicated or out of order."""
        positions = [int(position) for position in ENTRY.findall(received)]
        if positions != [*range(self.position + 1, self.position + 1 + len(positions))]:
            raise RuntimeError(f"after {self.position} came {positions}")
        self.position += len(positions)
        return len(positions)
