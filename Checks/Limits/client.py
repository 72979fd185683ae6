"""A small HTTP client on one connection, and a WebSocket client that only sends text."""
import asyncio
import base64
import json
import os

from Checks.Clients import wire


class Connection:
    """A connection that is opened again if the server has closed it."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port = port
        self._authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        return self._streams

    async def request(self, method: str, path: str, body: dict | None = None) -> int:
        """Sends a request and returns the status of the response."""
        reader, writer = await self._open()
        content = json.dumps(body).encode() if body is not None else b""
        length = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if body is not None else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self._authorization}{length}\r\n"
        writer.write(head.encode() + content)
        answer = await wire.read_head(reader)
        await wire.read_body(reader, answer)
        if answer.fields.get("connection") == "close":
            self.close()
        return answer.status

    async def open_web_socket(self) -> None:
        reader, writer = await self._open()
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n{self._authorization}Connection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode(),
        )
        answer = await wire.read_head(reader)
        assert answer.status == 101, answer
        await self.receive()

    async def call(self, message: dict) -> dict:
        """Sends a request on the WebSocket and returns the reply."""
        _, writer = await self._open()
        content = json.dumps(message).encode()
        assert len(content) < 126
        # A mask of zeros changes nothing.
        writer.write(bytes([0x81, 0x80 | len(content), 0, 0, 0, 0]) + content)
        while True:
            received = await self.receive()
            if received.get("op") == message["op"]:
                return received

    async def receive(self) -> dict:
        reader, _ = await self._open()
        _, length = await reader.readexactly(2)
        if length == 126:
            length = int.from_bytes(await reader.readexactly(2))
        return json.loads(await reader.readexactly(length) or b"{}")

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
