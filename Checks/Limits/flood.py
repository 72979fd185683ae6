"""Floods of one client, in a process of its own: what each sends, again and again, on several connections."""
import asyncio
import collections
import contextlib
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable

from Checks.Limits.client import Connection

CONNECTIONS = 16
TEXT = {"text": "flood"}


async def posts(connection: Connection) -> int:
    return await connection.request("POST", "/chats/1/messages/", TEXT)


async def reads(connection: Connection) -> int:
    return await connection.request("GET", "/chats/1")


async def typing(connection: Connection) -> int:
    return await connection.request("POST", "/chats/1/typing", {})


async def connects(connection: Connection) -> int:
    """A new connection for each request, with a token that the server has to verify."""
    try:
        return await connection.request("GET", "/chats/1/events")
    finally:
        connection.close()


async def web_socket(connection: Connection) -> int:
    reply = await connection.call({"op": "send", "chat_id": 1, "text": "flood"})
    if reply["ok"]:
        return 201
    assert reply["code"] == "rate_limited" and reply["retry_after"] > 0, reply
    return 429


FLOODS: dict[str, Callable[[Connection], Awaitable[int]]] = {
    "posts": posts, "reads": reads, "typing": typing, "connects": connects, "WebSocket": web_socket,
}
# A signature that fits no key.
FORGED = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJldmUiLCJleHAiOjQxMDAwMDAwMDB9." + "A" * 43


async def _flood(kind: str, port: int, token: str, seconds: float, rate: float) -> collections.Counter:
    statuses: collections.Counter = collections.Counter()
    start = time.monotonic()
    end = start + seconds

    async def run(number: int) -> None:
        connection = Connection(port, FORGED if kind == "connects" else token)
        if kind == "WebSocket":
            await connection.open_web_socket()
        due = start + number / rate
        while due < end:
            await asyncio.sleep(due - time.monotonic())
            statuses[await FLOODS[kind](connection)] += 1
            # One that falls behind does not catch up.
            due = max(due + CONNECTIONS / rate, time.monotonic())
        connection.close()

    await asyncio.gather(*(run(number) for number in range(CONNECTIONS)))
    return statuses


def _run(kind: str, port: int, token: str, seconds: float, rate: float, results: multiprocessing.Queue) -> None:
    # The flood must not take the processor away from the clients that are measured.
    os.nice(10)
    results.put(asyncio.run(_flood(kind, port, token, seconds, rate)))


@contextlib.contextmanager
def flood(kind: str, port: int, token: str, seconds: float, rate: float):
    """Floods the server during the block, at a rate per second; the list then has how often each status was received."""
    results: multiprocessing.Queue = multiprocessing.Queue()
    process = multiprocessing.Process(target=_run, args=(kind, port, token, seconds, rate, results))
    process.start()
    received: list[collections.Counter] = []
    try:
        yield received
        received.append(results.get(timeout=seconds + 30))
    finally:
        process.terminate()
        process.join()
