"""Tries TLS without a proxy: what is negotiated, every kind of stream, and certificates that are replaced.

    python3 -m Checks.TLS

The server is .build/release/chat-api (or CHAT_API). If the recorded contract of the original service is next to the
checkout, it is replayed over TLS. Ends with a line `N passed, M failed`.
"""
import contextlib
import http.client
import io
import json
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from Checks.Support.contract import replay
from Checks.Support.server import BINARY, Server, exchange
from Checks.TLS.certificates import HOST, Authority, Pair
from Checks.WebSocket.wire import TEXT, Connection, frame

SECONDS = 20


class Service:
    """A server with TLS and an empty database, and how clients reach it."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = folder / "chain.pem", folder / "key.pem"
        self.authority = Authority(folder)
        self.authority.server(days=3).install(self.certificate, self.key)
        self.tls = ssl.create_default_context(cafile=str(self.authority.root))
        self.options = [f"--tls-certificate={self.certificate}", f"--tls-key={self.key}"]
        self.server = Server(
            BINARY, "serve", "--port=0", f"--database-url=sqlite:///{folder}/chat.db", *self.options,
            "--stream-stall-timeout=1",
        )
        self.port = self.server.port

    def plain(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def connect(self) -> ssl.SSLSocket:
        return self.tls.wrap_socket(self.plain(), server_hostname=HOST)

    def presented(self) -> str:
        """The common name of the certificate that a new connection gets."""
        with self.connect() as connection:
            (((_, name),),) = connection.getpeercert()["subject"]
            return name

    def connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=SECONDS, context=self.tls)

    def get(self, path: str, **headers: str) -> http.client.HTTPResponse:
        connection = self.connection()
        connection.request("GET", path, headers=headers)
        return connection.getresponse()

    def post(self, chat: str, text: str) -> None:
        status, _, message = exchange(self.connection(), "POST", f"{chat}/messages/", {"text": text})
        assert status == 201, message

    def make_chat(self) -> str:
        """The path of a new chat."""
        status, _, chat = exchange(self.connection(), "POST", "/chats/", {"title": "Encrypted"})
        assert status == 201, chat
        return f"/chats/{chat['id']}"

    def wait_for_line(self, text: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not any(text in line for line in list(self.server.last_lines)):
            assert time.monotonic() < deadline, f"the log has no {text!r}: {list(self.server.last_lines)}"
            time.sleep(0.02)

    def s_client(self, *options: str, sends: bytes = b"") -> tuple[bool, str]:
        """Whether openssl could connect, and its output."""
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-servername", HOST, *options],
            input=sends, capture_output=True, timeout=SECONDS,
        )
        return done.returncode == 0, (done.stdout + done.stderr).decode("utf-8", "replace")


def messages(response: http.client.HTTPResponse) -> Iterator[str]:
    """The texts of the messages of a stream of one chat."""
    kind = ""
    for line in response:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "event":
            kind = value
        elif name == "data" and kind == "message.created":
            yield json.loads(value)["message"]["text"]


def only_tls_1_2_and_1_3_are_spoken(started: Service) -> None:
    for version in ("-tls1", "-tls1_1"):
        connected, output = started.s_client(version, "-cipher", "ALL:@SECLEVEL=0")
        assert not connected and "alert protocol version" in output, output
    for version in ("-tls1_2", "-tls1_3"):
        connected, output = started.s_client(version, "-alpn", "h2,http/1.1")
        assert connected and "ALPN protocol: http/1.1" in output, output


def only_forward_secret_authenticated_ciphers_are_accepted(started: Service) -> None:
    for refused in ("ALL:!kECDHE", "kECDHE:!AESGCM:!CHACHA20"):
        connected, output = started.s_client("-tls1_2", "-cipher", f"{refused}:@SECLEVEL=0")
        assert not connected and "alert handshake failure" in output, output
    for accepted in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"):
        connected, output = started.s_client("-tls1_2", "-cipher", accepted)
        assert connected, output


def renegotiation_is_refused(started: Service) -> None:
    # openssl renegotiates on a line "R", and fails if the server ends the connection instead.
    connected, output = started.s_client("-tls1_2", sends=b"R\n")
    assert not connected and "RENEGOTIATING" in output, output


def the_whole_chain_is_sent(started: Service) -> None:
    _, output = started.s_client("-showcerts")
    assert output.count("BEGIN CERTIFICATE") == 2, output
    # This client knows only the root.
    assert started.presented() == "server1"


def plain_http_is_closed_without_a_reset(started: Service) -> None:
    with started.plain() as plain:
        plain.sendall(b"GET /health/live HTTP/1.1\r\nHost: chat.example\r\n\r\n")
        while plain.recv(1000):
            pass


def a_request_whose_client_ends_without_close_notify_gets_its_response(started: Service) -> None:
    with started.connect() as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        # The TCP connection's own half-close.
        socket.socket.shutdown(connection, socket.SHUT_WR)
        connection.suppress_ragged_eofs = False
        answer = b""
        while received := connection.recv(1000):
            answer += received
        # The server itself ends with close_notify: otherwise, recv raises an error.
        assert b" 200 " in answer, answer


def a_stream_whose_client_vanishes_ends(started: Service) -> None:
    chat = started.make_chat()
    response = started.get(f"{chat}/events?after=0")
    assert response.readline()
    # As a crashed client does: a reset, and no close_notify.
    raw = response.fp.raw._sock
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    socket.socket.close(raw)
    started.post(chat, "still there")


def every_kind_of_stream_delivers_at_once(started: Service) -> None:
    chat = started.make_chat()
    events = messages(started.get(f"{chat}/events?after=0"))
    poll = started.connection()
    poll.request("GET", f"{chat}/events?wait=20&after=0")
    with web_socket(started, chat) as socket_messages:
        started.post(chat, "Hello!")
        assert next(events) == "Hello!"
        assert next(socket_messages)["message"]["text"] == "Hello!"
    assert b"Hello!" in poll.getresponse().read()


@contextlib.contextmanager
def web_socket(started: Service, chat: str) -> Iterator[Iterator[dict]]:
    """The messages of a WebSocket that has caught up with a chat."""
    with TLSWebSocket(started) as connection:
        connection.send(frame(TEXT, request("subscribe", chat, after=0)))
        received = (json.loads(connection.receive()[1]) for _ in iter(int, 1))
        while next(received).get("type") != "caught_up":
            pass
        yield received


def request(operation: str, chat: str, **members: object) -> bytes:
    """A request on a WebSocket."""
    return json.dumps({"op": operation, "ref": 1, "chat_id": int(chat.rpartition("/")[2]), **members}).encode()


class TLSWebSocket(Connection):
    """A WebSocket whose client decides how its encrypted bytes are cut into packets."""

    def __init__(self, started: Service) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = started.tls.wrap_bio(self.incoming, self.outgoing, server_hostname=HOST)
        self.socket = started.plain()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._retry(self.tls.do_handshake)
        self.stream = io.BufferedReader(_Reader(self))
        self.send(
            b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        status = self.stream.readline()
        assert b" 101 " in status, status
        while self.stream.readline() != b"\r\n":
            pass

    def _retry(self, step: Callable):
        while True:
            try:
                result = step()
                self._flush()
                return result
            except ssl.SSLWantReadError:
                self._flush()
                self.incoming.write(self.socket.recv(65536))

    def _flush(self) -> None:
        if bytes_to_send := self.outgoing.read():
            self.socket.sendall(bytes_to_send)

    def send(self, data: bytes, size: int = 0) -> None:
        """Sends one record, in packets of `size` bytes if it is not 0."""
        self.tls.write(data)
        record = self.outgoing.read()
        for start in range(0, len(record), size or len(record)):
            self.socket.sendall(record[start:start + (size or len(record))])
            if size:
                # Long enough for the server to read each packet alone.
                time.sleep(0.05)


class _Reader(io.RawIOBase):
    def __init__(self, connection: TLSWebSocket) -> None:
        self.connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        received = self.connection._retry(lambda: self.connection.tls.read(len(buffer)))
        buffer[:len(received)] = received
        return len(received)


def a_web_socket_reads_a_record_that_arrives_in_pieces(started: Service) -> None:
    chat = started.make_chat()
    with TLSWebSocket(started) as connection:
        connection.send(frame(TEXT, request("send", chat, text="x" * 200)), size=100)
        while json.loads(connection.receive()[1]).get("ref") != 1:
            pass


def a_growing_text_is_read_while_it_is_written(started: Service) -> None:
    chat = started.make_chat()
    status, _, message = exchange(started.connection(), "POST", f"{chat}/messages/", {"open": True})
    assert status == 201, message
    path = f"{chat}/messages/{message['id']}"
    text = started.get(f"{path}/text")
    writer = started.connection()
    writer.putrequest("POST", f"{path}/text?at=0")
    writer.putheader("Transfer-Encoding", "chunked")
    writer.endheaders()
    for piece in (b"It ", b"is ", b"raining."):
        writer.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        read = b""
        while len(read) < len(piece):
            read += text.read1(len(piece) - len(read))
        assert read == piece, read
    writer.send(b"0\r\n\r\n")
    assert writer.getresponse().status == 200
    exchange(started.connection(), "PATCH", path, {"state": "done"})
    assert text.read() == b""


def a_client_that_does_not_read_is_disconnected(started: Service) -> None:
    chat = started.make_chat()
    connection = started.connection()
    # 2 MB in total: more than the kernel holds.
    text = json.dumps({"text": "\N{GRINNING FACE}" * 5000}, ensure_ascii=False).encode()
    for _ in range(100):
        connection.request("POST", f"{chat}/messages/", text, {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert response.status == 201 and response.read()
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        plain.settimeout(SECONDS)
        plain.connect(("127.0.0.1", started.port))
        with started.tls.wrap_socket(plain, server_hostname=HOST) as reader:
            reader.sendall(f"GET {chat}/events?after=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            # The stall timeout, and up to a second until it is noticed.
            time.sleep(3)
            received = b""
            while not received.endswith(b"\r\n0\r\n\r\n"):
                got = reader.recv(65536)
                assert got, "the stream is cut off"
                received += got
    assert b"event: overflow" in received and len(received) < 1_000_000, len(received)


def a_replaced_certificate_is_used_for_new_connections(started: Service) -> None:
    chat = started.make_chat()
    events = messages(started.get(f"{chat}/events?after=0"))
    with web_socket(started, chat) as socket_messages:
        started.authority.server().install(started.certificate, started.key)
        started.wait_for_line("Using the new certificate")
        # The files were replaced one after the other, but read once both were there.
        assert not any("Still using" in line for line in started.server.last_lines), started.server.last_lines
        assert started.presented() == "server2"
        # Neither the inode, the size nor the time of the files changes, so only the signal can cause a reload.
        started.authority.server().overwrite(started.certificate, started.key)
        started.server.process.send_signal(signal.SIGHUP)
        until(lambda: started.presented() == "server3")
        # A certificate without its key.
        broken = Pair("broken", started.authority.server().chain, started.authority.server().key)
        broken.install(started.certificate, started.key)
        started.wait_for_line(f"Still using the previous certificate: cannot use {started.key}: it is not the key")
        assert started.presented() == "server3"
        started.post(chat, "Hello!")
        assert next(events) == "Hello!"
        assert next(socket_messages)["message"]["text"] == "Hello!"


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


def the_log_tells_when_the_certificate_expires(started: Service) -> None:
    started.wait_for_line("valid until")
    started.wait_for_line("WARNING The certificate expires soon")


def the_health_check_uses_tls(started: Service) -> None:
    command = [BINARY, "healthcheck", f"--port={started.port}"]
    done = subprocess.run([*command, *started.options], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "ready\n"), done
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done


def the_recorded_contract_holds(started: Service) -> None:
    replay(started.connection)


# They share a server: the contract needs an empty one, and the log and the first certificate are checked before others.
CHECKS = [
    the_log_tells_when_the_certificate_expires, the_recorded_contract_holds, only_tls_1_2_and_1_3_are_spoken,
    only_forward_secret_authenticated_ciphers_are_accepted, renegotiation_is_refused, the_whole_chain_is_sent,
    plain_http_is_closed_without_a_reset, a_request_whose_client_ends_without_close_notify_gets_its_response,
    a_stream_whose_client_vanishes_ends, every_kind_of_stream_delivers_at_once,
    a_web_socket_reads_a_record_that_arrives_in_pieces, a_growing_text_is_read_while_it_is_written,
    a_client_that_does_not_read_is_disconnected, the_health_check_uses_tls,
    a_replaced_certificate_is_used_for_new_connections,
]


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        started = Service(Path(folder))
        for check in CHECKS:
            try:
                check(started)
            except Exception as error:
                failed += 1
                print(f"FAILED  {check.__name__}: {type(error).__name__}: {error}", flush=True)
        status = started.server.stop()
        failures = [line for line in started.server.failures if "Still using the previous certificate" not in line]
        if status or failures:
            failed += 1
            print(f"FAILED  the server ended with status {status} and logged {failures}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
