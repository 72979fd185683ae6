"""The client side of WebSocket on a bare socket, which sends whatever it is told to, valid or not."""
import os
import socket
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
SECONDS = 20


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    head = bytes([fin << 7 | rsv << 4 | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 0x10000:
        head += struct.pack("!BH", bit | 126, len(payload))
    else:
        head += struct.pack("!BQ", bit | 127, len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    key = (mask * (len(payload) // 4 + 1))[:len(payload)]
    covered = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return head + mask + covered.to_bytes(len(payload), "big")


def fragments(opcode: int, *parts: bytes) -> list[bytes]:
    """The frames of one message."""
    last = len(parts) - 1
    return [frame(opcode if i == 0 else CONTINUATION, part, fin=i == last) for i, part in enumerate(parts)]


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


class Connection:
    """An open WebSocket."""

    def __init__(self, port: int, path: str = "/echo") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.stream = self.socket.makefile("rb")
        status = self.stream.readline()
        assert b" 101 " in status, status
        while self.stream.readline() != b"\r\n":
            pass

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_) -> None:
        self.stream.close()
        self.socket.close()

    def send(self, data: bytes, size: int = 0) -> None:
        """Sends in parts of the given size."""
        for start in range(0, len(data), size or len(data) or 1):
            self.socket.sendall(data[start:start + size] if size else data)

    def receive(self) -> tuple[int, bytes] | None:
        """The next frame's opcode and payload; None once the server has closed the connection."""
        head = self.stream.read(2)
        if len(head) < 2:
            return None
        assert head[0] & 0xF0 == 0x80 and head[1] < 128, f"a server's frame is whole and bare: {head}"
        length = head[1]
        if length == 126:
            length, = struct.unpack("!H", self.stream.read(2))
        elif length == 127:
            length, = struct.unpack("!Q", self.stream.read(8))
        return head[0] & 0x0F, self.stream.read(length)
