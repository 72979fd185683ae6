"""What RFC 6455 requires of a server, case by case on a bare socket.

It covers the ground of sections 1 to 7 and 10 of the Autobahn test suite (framing, pings, reserved bits and
opcodes, fragments, UTF-8, closing), but it is not that suite, which needs Python 2.
"""
import struct
from typing import NamedTuple

from Checks.WebSocket.wire import (
    BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Connection, close, fragments, frame,
)

HELLO = frame(TEXT, b"Hello, world!")
ECHO = (TEXT, b"Hello, world!")
GREEK = "κόσμε".encode()


class Case(NamedTuple):
    name: str
    sent: bytes
    # The frames that the server sends before its close frame.
    answers: list[tuple[int, bytes]]
    # The code in the server's close frame; None for a close frame without one.
    code: int | None = 1000
    # How many bytes to send at a time; 0 for all.
    size: int = 0
    # Whether the sent bytes include a close frame.
    closes: bool = False


def framing():
    for length in (0, 125, 126, 127, 128, 65535, 65536):
        for opcode, payload in ((TEXT, b"*" * length), (BINARY, b"\xfe" * length)):
            yield Case(f"{length} bytes", frame(opcode, payload), [(opcode, payload)])
            yield Case(f"{length} bytes in parts", frame(opcode, payload), [(opcode, payload)], size=997)


def pings():
    for payload in (b"", b"Hello", b"\x00\xff\xfe\xfd", b"\xfe" * 125):
        yield Case("ping", frame(PING, payload), [(PONG, payload)])
        yield Case("ping in bytes", frame(PING, payload), [(PONG, payload)], size=1)
    yield Case("ping of 126 bytes", frame(PING, b"a" * 126), [], 1002)
    yield Case("pong unasked", frame(PONG) + frame(PONG, b"a") + frame(PING, b"b"), [(PONG, b"b")])
    ten = [b"%d" % i for i in range(10)]
    for size in (0, 1):
        yield Case("ten pings", b"".join(frame(PING, p) for p in ten), [(PONG, p) for p in ten], size=size)


def reserved():
    for rsv in range(1, 8):
        for opcode in (TEXT, BINARY, PING, PONG, CLOSE):
            yield Case(f"RSV {rsv} on {opcode}", HELLO + frame(opcode, rsv=rsv) + frame(PING), [ECHO], 1002)
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        for payload in (b"", b"a"):
            yield Case(f"opcode {opcode}", HELLO + frame(opcode, payload) + frame(PING), [ECHO], 1002)
    for opcode in (TEXT, BINARY, PING, CLOSE):
        yield Case(f"{opcode} not masked", HELLO + frame(opcode, masked=False) + frame(PING), [ECHO], 1002)


def fragmentation():
    first, last = fragments(TEXT, b"Hello, ", b"world!")
    ping, pong = frame(PING, b"?"), (PONG, b"?")
    for size in (0, 1):
        yield Case("two fragments", first + last, [ECHO], size=size)
        yield Case("a ping between", first + ping + last, [pong, ECHO], size=size)
        many = fragments(BINARY, b"a", b"", b"b", b"", b"c")
        yield Case("pings between many", ping.join(many), [pong] * 4 + [(BINARY, b"abc")], size=size)
        yield Case("nothing to continue", HELLO + frame(CONTINUATION, b"a") + HELLO, [ECHO], 1002, size)
        yield Case("nothing to continue on", HELLO + frame(CONTINUATION, fin=False) + HELLO, [ECHO], 1002, size)
        yield Case("a message within another", first + HELLO, [], 1002, size)
        yield Case("fragments within another", first + first, [], 1002, size)
        yield Case("empty fragments", b"".join(fragments(TEXT, b"", b"", b"")), [(TEXT, b"")], size=size)
    for opcode in (PING, PONG):
        yield Case("a control frame in fragments", frame(opcode, b"a", fin=False) + frame(PING), [], 1002)
    payload = b"*" * 65536
    parts = [payload[i:i + 1300] for i in range(0, len(payload), 1300)]
    yield Case("65536 bytes in fragments", b"".join(fragments(TEXT, *parts)), [(TEXT, payload)])
    yield Case("524288 bytes", frame(TEXT, b"a" * 524288), [(TEXT, b"a" * 524288)])
    yield Case("524289 bytes", frame(TEXT, b"a" * 524289), [], 1009)
    yield Case("524289 bytes in fragments", b"".join(fragments(TEXT, b"a" * 524288, b"a")), [], 1009)


def text():
    scalars = (0x00, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x1F600, 0x10FFFF)
    for valid in [GREEK, *(chr(scalar).encode() for scalar in scalars)]:
        pieces = fragments(TEXT, *(bytes([byte]) for byte in valid))
        yield Case(f"UTF-8 {valid.hex()}", frame(TEXT, valid), [(TEXT, valid)])
        yield Case(f"UTF-8 {valid.hex()} in fragments", b"".join(pieces), [(TEXT, valid)])
        yield Case(f"UTF-8 {valid.hex()} in bytes", b"".join(pieces), [(TEXT, valid)], size=1)
    invalid = [
        # Continuation bytes without a start, starts without continuation, bytes that UTF-8 never contains.
        *(bytes([byte]) for byte in b"\x80\xbf\xc0\xc1\xc2\xe0\xef\xf0\xf4\xf5\xf8\xfc\xfe\xff"),
        *(bytes([byte, 0x20]) for byte in (0xC2, 0xDF, 0xE1, 0xEF, 0xF1, 0xF4)),
        # Truncated characters.
        b"\xe2\x82", b"\xf0\x9f\x98", b"\xf4\x8f\xbf",
        # Overlong encodings.
        b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xf0\x80\x80\xaf", b"\xf0\x8f\xbf\xbf",
        # Surrogates, alone and in pairs.
        b"\xed\xa0\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80",
        # Above U+10FFFF.
        b"\xf4\x90\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80",
    ]
    for wrong in invalid:
        for payload in (wrong, GREEK + wrong):
            pieces = fragments(TEXT, *(bytes([byte]) for byte in payload))
            yield Case(f"not UTF-8 {payload.hex()}", frame(TEXT, payload), [], 1007)
            yield Case(f"not UTF-8 {payload.hex()} in fragments", b"".join(pieces), [], 1007)
    # The first invalid byte is reported at once: the rest of the frame is never sent.
    begun = frame(TEXT, GREEK + b"\xf4\x90\x80\x80" + b"a" * 20, fin=False)
    yield Case("not UTF-8, told at the first wrong byte", begun[:-22], [], 1007)


def closing():
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
        yield Case(f"close {code}", close(code), [], code, closes=True)
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield Case(f"close {code}", close(code), [], 1002, closes=True)
    yield Case("close without a code", frame(CLOSE), [], None, closes=True)
    yield Case("close of one byte", frame(CLOSE, b"a"), [], 1002, closes=True)
    yield Case("close with a reason", close(1000, b"Hello"), [], closes=True)
    yield Case("close with a long reason", close(1000, b"*" * 123), [], closes=True)
    yield Case("close with too long a reason", close(1000, b"*" * 124), [], 1002, closes=True)
    yield Case("close with a reason that is not UTF-8", close(1000, GREEK + b"\xed\xa0\x80"), [], 1007, closes=True)
    yield Case("close in fragments", frame(CLOSE, struct.pack("!H", 1000), fin=False), [], 1002, closes=True)
    for name, after in (("close", close(1000)), ("text", HELLO), ("ping", frame(PING)), ("garbage", b"\xff" * 99)):
        yield Case(f"{name} after close", HELLO + close(1000) + after, [ECHO], closes=True)
    first, last = fragments(TEXT, b"a", b"b")
    yield Case("close within a message", first + close(1000) + last, [], closes=True)


def run(case: Case, port: int) -> None:
    with Connection(port) as connection:
        connection.send(case.sent, case.size)
        if case.code == 1000 and not case.closes:
            connection.send(close(1000), case.size)
        answers = []
        while (answer := connection.receive()) and answer[0] != CLOSE:
            answers.append(answer)
        assert answers == case.answers, f"{answers} instead of {case.answers}"
        assert answer, "the connection ended without a close frame"
        code = struct.unpack("!H", answer[1][:2])[0] if answer[1] else None
        assert code == case.code, f"closed with {code} instead of {case.code}"
        if case.code != 1000 and not case.closes:
            connection.send(close(1000))
        assert connection.receive() is None, "the connection goes on after the close frames"


CASES = [*framing(), *pings(), *reserved(), *fragmentation(), *text(), *closing()]
