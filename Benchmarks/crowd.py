"""Many writers in one process of its own, so that they do not slow down the client whose requests are timed.

Sending a token is one system call. Other requests, which wait for their response, are the work of a few threads.
"""
import http.client
import itertools
import multiprocessing
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event

from Benchmarks.streams import connect, request
from Checks.Support.server import exchange

TICKS_PER_SECOND = 1000
TIMEOUT = 30


@dataclass(frozen=True)
class Crowd:
    writers: int
    # The ids of the chats in which they write.
    chats: range
    token: str
    tokens_per_reply: int
    tokens_per_second: int

    @contextmanager
    def writing(self, port: int) -> Iterator[None]:
        """Writes replies to the server until the block ends; the block starts once each writer has begun one."""
        started, ended = multiprocessing.Event(), multiprocessing.Event()
        process = multiprocessing.Process(target=self._write, args=(port, started, ended), daemon=True)
        process.start()
        try:
            if not started.wait(TIMEOUT):
                raise RuntimeError("the writers did not start")
            yield
            if not process.is_alive():
                raise RuntimeError("the writers have stopped")
        finally:
            ended.set()
            process.join(TIMEOUT)

    def _write(self, port: int, started: Event, ended: Event) -> None:
        chunk = f"{len(self.token):x}\r\n{self.token}\r\n".encode()
        # Each tick, those writers send a token whose turn it is.
        turns = TICKS_PER_SECOND // self.tokens_per_second
        with ThreadPoolExecutor(8) as threads:
            writers = list(threads.map(
                lambda number: Writer(port, self.chats[number % len(self.chats)], number % self.tokens_per_reply),
                range(self.writers),
            ))
            started.set()
            begin = time.monotonic()
            renewals = []
            for tick in itertools.count():
                if ended.is_set():
                    break
                # `result` raises the error of a request that failed.
                renewals = [renewal for renewal in renewals if not renewal.done() or renewal.result() is not None]
                for writer in writers[tick % turns::turns]:
                    if writer.sent < self.tokens_per_reply:
                        writer.send(chunk)
                        if writer.sent == self.tokens_per_reply:
                            renewals.append(threads.submit(writer.next_reply))
                time.sleep(max(0, begin + tick / TICKS_PER_SECOND - time.monotonic()))
            for renewal in renewals:
                renewal.result()
            list(threads.map(Writer.finish, writers))


class Writer:
    """Writes replies, one after the other, each in one body that grows."""

    def __init__(self, port: int, chat: int, sent: int) -> None:
        """Starts a reply that counts as if so many of its tokens had been sent, so that the writers' replies do not all
        end at once."""
        self.chat = chat
        self.requests = http.client.HTTPConnection("127.0.0.1", port, TIMEOUT)
        self.body = connect(port)
        self.body.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.begin(sent)

    def begin(self, sent: int) -> None:
        self.message = self._request("POST", f"/chats/{self.chat}/messages/", {"open": True})["id"]
        self.body.sendall(request("POST", f"/chats/{self.chat}/messages/{self.message}/text?at=0", headers={
            "Content-Type": "text/plain", "Transfer-Encoding": "chunked",
        }))
        self.sent = sent

    def send(self, chunk: bytes) -> None:
        self.body.sendall(chunk)
        self.sent += 1

    def next_reply(self) -> None:
        self.finish()
        self.begin(0)

    def finish(self) -> None:
        self.body.sendall(b"0\r\n\r\n")
        response = http.client.HTTPResponse(self.body)
        response.begin()
        response.read()
        self._request("PATCH", f"/chats/{self.chat}/messages/{self.message}", {"state": "done"})

    def _request(self, method: str, path: str, body: dict) -> dict:
        status, _, answer = exchange(self.requests, method, path, body)
        if status not in (200, 201):
            raise RuntimeError(f"{method} {path}: {status} {answer}")
        return answer
