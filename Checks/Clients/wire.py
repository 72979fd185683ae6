"""HTTP/1.1 framing, as far as the proxy must understand it."""
import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass
class Head:
    """The head of a request or response, and its exact bytes."""
    first_line: str
    fields: dict[str, str]
    raw: bytes

    @property
    def method(self) -> str:
        return self.first_line.split(" ")[0]

    @property
    def path(self) -> str:
        return self.first_line.split(" ")[1]

    @property
    def status(self) -> int:
        return int(self.first_line.split(" ")[1])

    @property
    def is_chunked(self) -> bool:
        return self.fields.get("transfer-encoding") == "chunked"


async def read_head(reader: asyncio.StreamReader) -> Head:
    raw = await reader.readuntil(b"\r\n\r\n")
    first_line, *lines = raw[:-4].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Head(first_line, {name.lower(): value.strip() for name, _, value in pairs}, raw)


async def read_chunks(reader: asyncio.StreamReader, head: Head) -> AsyncIterator[bytes]:
    """Yields the parts of a body as they arrive; raises IncompleteReadError if it is cut off."""
    if not head.is_chunked:
        yield await reader.readexactly(int(head.fields.get("content-length", "0")))
        return
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)


async def read_body(reader: asyncio.StreamReader, head: Head) -> bytes:
    return b"".join([chunk async for chunk in read_chunks(reader, head)])


async def read_lines(reader: asyncio.StreamReader, head: Head) -> AsyncIterator[list[bytes]]:
    """Yields the lines of a body, those that arrive together at once."""
    rest = b""
    async for data in read_chunks(reader, head):
        *lines, rest = (rest + data).split(b"\n")
        yield [line + b"\n" for line in lines]


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; the empty one ends it."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def framed(head: Head, body: bytes) -> bytes:
    """The bytes of a whole request or response."""
    if not head.is_chunked:
        return head.raw + body
    return head.raw + (chunk(body) if body else b"") + chunk(b"")


def response(status: int, fields: dict[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} Refused", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
