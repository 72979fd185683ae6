"""The network between one client and the server, with faults."""
import asyncio
import collections
import contextlib
import json
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from Checks.Clients import wire
from Checks.Support.ports import reserve_port

# A client may repeat a request this much earlier than it was told: clocks and timers round.
TOLERANCE = 0.05
# What a stream's path says of positions.
PLACE = re.compile(r"(?<==)[0-9a-f]+\.\d+(?=&|$)|:[^,&]*")


@dataclass
class Faults:
    """What happens to single requests and lines."""
    # The longest delay of a request, a response and the next lines of a stream, each at random.
    delay: float = 0
    # The number of POSTs whose response gets lost after the server carried them out.
    losses: int = 0
    # Statuses with their Retry-After, for the next requests.
    rejections: collections.deque[tuple[int, int]] = field(default_factory=collections.deque)
    # What happens to the next entries of streams: "repeat", "drop" or "swap" with the line after it.
    tampering: collections.deque[str] = field(default_factory=collections.deque)


class Tamperer:
    """Changes the lines of one stream."""

    def __init__(self, network: "Network") -> None:
        self.network = network
        self.held = b""

    def lines(self, line: bytes) -> list[bytes]:
        """The lines that take the place of a line."""
        late, self.held = self.held, b""
        # The network's, as of now: a stream may outlive them.
        tampering = self.network.faults.tampering
        kind = tampering.popleft() if tampering and line.startswith(b'{"seq":') else None
        if kind == "drop":
            return [late]
        if kind == "swap":
            self.held = line
            return [late]
        return [line, line, late] if kind == "repeat" else [line, late]


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.is_streaming = self.is_dead = False

    @property
    def has_open_stream(self) -> bool:
        return self.is_streaming and not self.is_dead and not self.reader.at_eof()


class Network:
    """A proxy for one client. The trace is called with what happens.

    `server_port` raises an OSError while there is no server.
    """

    def __init__(self, server_port: Callable[[], int], moments: random.Random, trace: Callable[[str], None]):
        self.server_port, self.moments, self.trace = server_port, moments, trace
        # Refusing connections must not leave the port to another process.
        self.reservation = reserve_port()
        self.port: int = self.reservation.getsockname()[1]
        self.faults = Faults()
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task] = set()
        self.flowing = asyncio.Event()
        # The tokens that a response or a stream refused.
        self.refused: set[str] = set()
        # When a request may be repeated: a POST with its key, and a stream of the same chats.
        self.not_before: dict[str, float] = {}
        self.problems: list[str] = []
        self.listener = None

    @property
    def open_streams(self) -> int:
        return sum(connection.has_open_stream for connection in self.connections)

    async def become(self, state: str) -> None:
        """Changes the state: fine, refuse, stall, or vanish: open connections stand still forever, new ones work."""
        if state == "vanish":
            for connection in self.connections:
                connection.is_dead = True
        elif state == "cut":
            self.cut()
        elif state == "refuse":
            self._refuse()
        elif state == "stall":
            self.flowing.clear()
        if state != "stall":
            self.flowing.set()
        if state != "refuse" and not self.listener:
            self.listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    def close(self) -> None:
        """Ends everything, and gives up the port."""
        self._refuse()
        self.reservation.close()

    def _refuse(self) -> None:
        if self.listener:
            self.listener.close()
        self.listener = None
        self.cut()

    def cut(self) -> None:
        for task in self.tasks:
            task.cancel()

    def forgive(self) -> None:
        """Lets the client open its next stream at once, because it got a reason to."""
        self.not_before = {name: until for name, until in self.not_before.items() if not name.startswith("stream")}

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self.connections.add(connection)
        self.tasks.add(task := asyncio.current_task())
        try:
            while True:
                request = await wire.read_head(reader)
                await self._exchange(connection, request, await wire.read_body(reader, request))
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass
        finally:
            writer.transport.abort()
            self.connections.discard(connection)
            self.tasks.discard(task)

    async def _exchange(self, connection: Connection, request: wire.Head, body: bytes) -> None:
        await self._pass(connection)
        name = self._name(request)
        if name and time.monotonic() < self.not_before.pop(name, 0) - TOLERANCE:
            self.problems.append(f"{name} came before its Retry-After")
        if self.faults.rejections:
            status, seconds = self.faults.rejections.popleft()
            self.trace(f"{request.first_line[:-9]} gets {status}, retry after {seconds} s")
            self._postpone(name, seconds)
            content = json.dumps({"detail": "Try again later", "code": "unavailable"}).encode()
            fields = {"Content-Type": "application/json", "Retry-After": str(seconds)}
            connection.writer.write(wire.response(status, fields, content))
            return
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server_port())
        with contextlib.closing(writer):
            writer.write(wire.framed(request, body))
            answer = await wire.read_head(reader)
            if answer.status >= 400:
                self.trace(f"{request.first_line[:-9]} gets {answer.status}")
            if answer.status == 401:
                self.refused.add(credential(request))
            self._postpone(name, int(answer.fields.get("retry-after", "0")))
            if answer.is_chunked and answer.fields.get("content-type") == "application/x-ndjson":
                await self._stream(connection, request, answer, reader)
                return
            # A stream that ends at once is not chunked.
            body = await wire.read_body(reader, answer)
            self._watch(request, body)
            content = wire.framed(answer, body)
        await self._pass(connection)
        if request.method == "POST" and self.faults.losses:
            self.faults.losses -= 1
            self.trace(f"the {answer.status} of {request.first_line[:-9]} gets lost")
            raise ConnectionAbortedError
        connection.writer.write(content)

    async def _stream(
        self, connection: Connection, request: wire.Head, answer: wire.Head, reader: asyncio.StreamReader,
    ) -> None:
        connection.is_streaming = True
        connection.writer.write(answer.raw)
        tamperer = Tamperer(self)
        async for lines in wire.read_lines(reader, answer):
            for line in lines:
                self._watch(request, line)
            await self._pass(connection)
            if data := b"".join(part for line in lines for part in tamperer.lines(line)):
                connection.writer.write(wire.chunk(data))
                await connection.writer.drain()
        connection.writer.write(wire.chunk(b""))
        connection.is_streaming = False

    def _watch(self, request: wire.Head, line: bytes) -> None:
        if line.startswith((b'{"type":"unauthorized"', b'{"type":"reconnect"', b'{"type":"overflow"')):
            self.trace(f"the stream ends: {line.decode().strip()}")
            event = json.loads(line)
            if event["type"] == "unauthorized":
                self.refused.add(credential(request))
            self._postpone(self._name(request), event.get("delay_ms", 0) / 1000)

    def _postpone(self, name: str | None, seconds: float) -> None:
        if name and seconds:
            self.not_before[name] = time.monotonic() + seconds

    def _name(self, request: wire.Head) -> str | None:
        if request.method == "POST" and "idempotency-key" in request.fields:
            return f"POST {request.path} {request.fields['idempotency-key']}"
        if request.fields.get("accept") == "application/x-ndjson":
            return f"stream {PLACE.sub('', unquote(request.path))}"
        return None

    async def _pass(self, connection: Connection) -> None:
        """Waits as long as the network delays what is on a connection."""
        if self.faults.delay:
            await asyncio.sleep(self.moments.uniform(0, self.faults.delay))
        await self.flowing.wait()
        if connection.is_dead:
            await asyncio.Event().wait()


def credential(request: wire.Head) -> str:
    return request.fields.get("authorization", "").removeprefix("Bearer ")
