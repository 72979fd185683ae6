"""Measures replies that are read while they are written, against the naive way: an edit per token.

Each writer posts replies of 200 tokens, 50 tokens a second, like a language model. Two readers follow each chat.
"""
import asyncio
import contextlib
import http.client
import itertools
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from Benchmarks import fill, processes
from Benchmarks.aims import Aim, by_name, ratio
from Benchmarks.crowd import Crowd
from Benchmarks.rounds import Case, Sample, measure
from Benchmarks.serving import start
from Benchmarks.streams import allow_open_files, events_request, request
from Checks.Support import cluster
from Checks.Support.server import Server, exchange

TARGETS = "SQLite", "PostgreSQL"
APPENDS, BODIES, EDITS = "an append per token", "a body that grows per reply", "an edit per token"
POSTS, CROWDED_POSTS = "ordinary posts", "ordinary posts beside 500 writers"
SCENARIOS = APPENDS, BODIES, EDITS, POSTS, CROWDED_POSTS
TOKENS, TOKENS_PER_SECOND, TOKEN = 200, 50, "token "
WRITERS, CHATS, READERS_PER_CHAT = 50, 10, 2
CROWD = Crowd(500, range(CHATS + 1, CHATS + 51), TOKEN, TOKENS, TOKENS_PER_SECOND)


@dataclass(frozen=True)
class Tokens(Sample):
    """A sample whose rate and CPU times count tokens, and whose times are those until a token is acknowledged.

    The ratios are bytes on disk and bytes to one reader, each to the bytes of the text.
    """

    disk_ratio: float | None = None
    wire_ratio: float | None = None


def run(rounds: int, seconds: int) -> dict:
    allow_open_files(4 * CROWD.writers)
    with contextlib.ExitStack() as stack:
        cases = [*prepare(stack)]
        cases.sort(key=lambda case: SCENARIOS.index(case.scenario))
        measure(cases, rounds, seconds)
    replies = [case for case in cases if case.scenario not in (POSTS, CROWDED_POSTS)]
    return {
        "replies": [case.as_json() for case in replies],
        "rows": [case.as_json() for case in cases if case not in replies],
        "aims": [aim.as_json() for aim in aims(cases)],
    }


def prepare(stack: contextlib.ExitStack) -> Iterator[Case]:
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    chats = CROWD.chats.stop - 1
    urls = {
        "SQLite": fill.sqlite(f"{folder}/chat.db", 10 * chats, chats),
        "PostgreSQL": cluster.url(fill.postgresql(10 * chats, chats)),
    }
    for target, url in urls.items():
        server = start(url, {})
        stack.callback(server.stop)
        for scenario, write in (APPENDS, append), (BODIES, stream), (EDITS, edit):
            yield Case(target, scenario, reply_run(server, write, target == "PostgreSQL"))
        yield Case(target, POSTS, post_run(server, None))
        yield Case(target, CROWDED_POSTS, post_run(server, CROWD))


class Connection:
    """An HTTP connection with one request at a time."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> "Connection":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def exchange(self, method: str, path: str, body: dict) -> dict:
        self.writer.write(request(method, path, body))
        return await self.answer()

    async def answer(self) -> dict:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await self.reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 20"):
            raise RuntimeError(f"{head} {body}")
        return json.loads(body)


@dataclass
class Totals:
    tokens: int = 0
    replies: int = 0
    times: list[float] | None = None

    def count(self, begin: float) -> None:
        self.tokens += 1
        self.times.append(time.monotonic() - begin)


Write = Callable[[Connection, str, dict, Totals, Callable[[], Awaitable[None]]], Awaitable[None]]


async def append(connection: Connection, path: str, message: dict, totals: Totals, pause: Callable) -> None:
    for number in range(TOKENS):
        await pause()
        begin = time.monotonic()
        await connection.exchange("POST", f"{path}/text?at={number * len(TOKEN)}", {"text": TOKEN})
        totals.count(begin)
    await connection.exchange("PATCH", path, {"state": "done"})


async def stream(connection: Connection, path: str, message: dict, totals: Totals, pause: Callable) -> None:
    connection.writer.write(request("POST", f"{path}/text?at=0", headers={
        "Content-Type": "text/plain", "Transfer-Encoding": "chunked",
    }))
    for _ in range(TOKENS):
        await pause()
        connection.writer.write(f"{len(TOKEN):x}\r\n{TOKEN}\r\n".encode())
        totals.count(time.monotonic())
    connection.writer.write(b"0\r\n\r\n")
    await connection.answer()
    await connection.exchange("PATCH", path, {"state": "done"})


async def edit(connection: Connection, path: str, message: dict, totals: Totals, pause: Callable) -> None:
    for number in range(1, TOKENS + 1):
        await pause()
        begin = time.monotonic()
        await connection.exchange("PATCH", path, {"text": TOKEN * number + "."})
        totals.count(begin)


async def write_replies(port: int, chat: int, write: Write, totals: Totals, end: float, phase: float) -> None:
    """Writes whole replies, one after the other."""
    async with Connection(port) as connection:
        while time.monotonic() < end:
            body = {"text": "…"} if write is edit else {"open": True}
            message = await connection.exchange("POST", f"/chats/{chat}/messages/", body)
            due = itertools.count(time.monotonic() + phase, 1 / TOKENS_PER_SECOND)

            async def pause() -> None:
                await asyncio.sleep(max(0, next(due) - time.monotonic()))

            await write(connection, f"/chats/{chat}/messages/{message['id']}", message, totals, pause)
            totals.replies += 1


async def read(port: int, chat: int, received: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(events_request(chat))
    try:
        while chunk := await reader.read(1 << 16):
            received.append(len(chunk))
    finally:
        writer.close()


def reply_run(server: Server, write: Write, on_postgresql: bool) -> Callable[[int], Tokens]:
    async def run(seconds: int) -> Tokens:
        received: list[int] = []
        totals = Totals(times=[])
        readers = [
            asyncio.create_task(read(server.port, chat, received))
            for chat in range(1, CHATS + 1) for _ in range(READERS_PER_CHAT)
        ]
        await asyncio.sleep(0.2)
        roots = [server.process.pid, *([cluster.postmaster()] if on_postgresql else [])]
        disk = processes.disk_bytes(tempfile.gettempdir())
        before = [processes.cpu_seconds(root) for root in roots]
        received.clear()
        begin = time.monotonic()
        await asyncio.gather(*(
            write_replies(
                server.port, number % CHATS + 1, write, totals, begin + seconds,
                number / WRITERS / TOKENS_PER_SECOND,
            )
            for number in range(WRITERS)
        ))
        duration = time.monotonic() - begin
        await asyncio.sleep(0.2)
        after = [processes.cpu_seconds(root) for root in roots]
        written = processes.disk_bytes(tempfile.gettempdir()) - disk
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        text = totals.replies * TOKENS * len(TOKEN)
        cpu = [(new - old) * 1e6 / totals.tokens for old, new in zip(before, after)]
        totals.times.sort()
        acknowledged = write is not stream
        return Tokens(
            rate=totals.tokens / duration,
            p50=round(percentile(totals.times, 50) * 1e6) if acknowledged else None,
            p99=round(percentile(totals.times, 99) * 1e6) if acknowledged else None,
            server_cpu=cpu[0], database_cpu=cpu[1] if on_postgresql else None,
            resident_mib=processes.resident_mib(server.process.pid),
            disk_ratio=written / text,
            wire_ratio=sum(received) / READERS_PER_CHAT / text,
        )
    return lambda seconds: asyncio.run(run(seconds))


def post_run(server: Server, crowd: Crowd | None) -> Callable[[int], Sample]:
    """Posts one by one, a post every few milliseconds."""
    def run(seconds: int) -> Sample:
        times = []
        with crowd.writing(server.port) if crowd else contextlib.nullcontext():
            connection = http.client.HTTPConnection("127.0.0.1", server.port)
            begin = time.monotonic()
            while time.monotonic() < begin + seconds:
                started = time.monotonic()
                status, _, answer = exchange(connection, "POST", "/chats/1/messages/", {"text": fill.TEXT})
                if status != 201:
                    raise RuntimeError(f"{status} {answer}")
                times.append(time.monotonic() - started)
                time.sleep(0.005)
        times.sort()
        return Sample(
            rate=len(times) / sum(times), p50=round(percentile(times, 50) * 1e6), p99=round(percentile(times, 99) * 1e6),
        )
    return run


def percentile(times: list[float], percent: int) -> float:
    """Of sorted times."""
    return times[min(len(times) - 1, len(times) * percent // 100)]


def whole_cpu(sample: Sample) -> float:
    return sample.server_cpu + (sample.database_cpu or 0)


def aims(cases: list[Case]) -> Iterator[Aim]:
    case = by_name(cases)
    for target in TARGETS:
        appends, edits = case(target, APPENDS), case(target, EDITS)
        yield Aim(f"{target}: bytes on disk to bytes of text", appends.median("disk_ratio"), at_most=5)
        yield Aim(f"{target}: bytes to a reader to bytes of text", appends.median("wire_ratio"), at_most=2)
        yield Aim(f"{target}: CPU of an edit per token to an append", ratio(edits, appends, whole_cpu), at_least=2)
        crowded = ratio(case(target, CROWDED_POSTS), case(target, POSTS), lambda sample: sample.p99)
        yield Aim(f"{target}: p99 of a post beside {CROWD.writers} writers to alone", crowded, at_most=2)
