"""Requests to whichever server is running."""
import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator

from Checks.Clients import wire
from Checks.Crash.service import Service

# A request without a response by then will never get one: restarts take a second or two.
TIMEOUT = 30.0
# What a connection raises when its server is killed.
BROKEN = (OSError, asyncio.IncompleteReadError)


class Connection:
    """A connection to one server, which stays open until it breaks or is closed."""

    def __init__(self, services: list[Service]) -> None:
        self.services = services
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    def close(self) -> None:
        if self.writer:
            self.writer.transport.abort()
        self.reader = self.writer = None

    async def send(self, method: str, path: str, body: dict | None = None, **fields: str) -> wire.Head:
        """Sends a request and returns the head of the response."""
        while not self.writer:
            running = [service for service in self.services if service.running.is_set()]
            if running:
                port = random.choice(running).server.port
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
            else:
                await asyncio.sleep(random.uniform(0.02, 0.1))
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        fields = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(content)), **fields}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        self.writer.write("\r\n".join(lines).encode() + content)
        head = await wire.read_head(self.reader)
        if not head.first_line.startswith("HTTP/"):
            raise ConnectionError("connected to itself, since the server's port was free")
        return head

    async def request(self, method: str, path: str, body: dict | None = None, **fields: str) -> tuple[int, dict | None]:
        """Repeats a request until it gets a response other than 503 and 409 `writer_replaced`; returns status and body."""
        async with asyncio.timeout(TIMEOUT):
            while True:
                try:
                    head = await self.send(method, path, body, **fields)
                    answer = json.loads(await wire.read_body(self.reader, head) or b"null")
                except BROKEN:
                    self.close()
                else:
                    if head.status != 503 and not (head.status == 409 and answer["code"] == "writer_replaced"):
                        return head.status, answer
                await asyncio.sleep(random.uniform(0, 0.05))

    async def stream(self, path: str) -> AsyncIterator[dict]:
        """Yields the JSON lines of a stream until it ends or breaks."""
        with contextlib.closing(self):
            head = await self.send("GET", path, Accept="application/x-ndjson")
            if head.status == 503:
                return
            if head.status != 200:
                raise RuntimeError(f"{path}: {head.status} {await wire.read_body(self.reader, head)}")
            async for lines in wire.read_lines(self.reader, head):
                for line in filter(bytes.strip, lines):
                    yield json.loads(line)
