"""How the library `websockets` gets along with the server, and requests that no such library would send."""
import asyncio
import http.client
import socket
import time

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from Checks.Support.server import Server
from Checks.WebSocket.wire import TEXT, Connection, frame

LONGEST_MESSAGE = 512 * 1024


def url(port: int) -> str:
    return f"ws://127.0.0.1:{port}/echo"


async def code_after(port: int, *messages, **options) -> int:
    """The code with which the server closes the connection after these messages."""
    async with connect(url(port)) as client:
        for message in messages:
            await client.send(message, **options)
        try:
            while True:
                await client.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code


async def messages_come_back(port: int) -> None:
    async with connect(url(port)) as client:
        for message in ("", "Hello", "👋" * 1000, b"", b"\x00\xff", "a" * LONGEST_MESSAGE, b"\xff" * LONGEST_MESSAGE):
            await client.send(message)
            assert await client.recv() == message
        await client.send(["frag", "men", "", "ts"])
        assert await client.recv() == "fragments"


async def pings_are_answered(port: int) -> None:
    async with connect(url(port)) as client:
        for payload in (b"", b"there?", b"\x00" * 125):
            await asyncio.wait_for(await client.ping(payload), 10)


async def closing_is_answered(port: int) -> None:
    for code, reason in ((1000, ""), (1001, "gone"), (3000, "é" * 60), (4999, "bye")):
        async with connect(url(port)) as client:
            await client.close(code, reason)
            assert client.close_code == code, client.close_code


async def what_breaks_the_protocol_is_closed(port: int) -> None:
    assert await code_after(port, b"\xff\xfe", text=True) == 1007
    assert await code_after(port, b"\xed\xa0\x80", text=True) == 1007
    assert await code_after(port, "a" * (LONGEST_MESSAGE + 1)) == 1009
    assert await code_after(port, ["a" * 300_000, "a" * 300_000]) == 1009


async def many_connections_at_once(port: int) -> None:
    async def talk(number: int) -> None:
        async with connect(url(port)) as client:
            for round_ in range(20):
                await client.send(f"{number}/{round_} " + "a" * (number * 97 % 5000))
            for round_ in range(20):
                assert (await client.recv()).startswith(f"{number}/{round_} ")

    await asyncio.gather(*(talk(number) for number in range(200)))


async def pages_from_elsewhere_are_kept_out(port: int) -> None:
    async with connect(url(port), origin=f"http://127.0.0.1:{port}"):
        pass
    try:
        async with connect(url(port), origin="https://evil.example"):
            raise AssertionError("the page was let in")
    except InvalidStatus as refusal:
        assert refusal.response.status_code == 403


def refusals_are_ordinary_answers(port: int) -> None:
    h2c = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"}
    old = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "8"}
    for path, headers, status in (
        ("/plain", h2c, 200), ("/echo", h2c, 426), ("/echo", old, 426), ("/nowhere", old, 404), ("/echo", {}, 426),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        # The second request uses the same connection, or a new one if the server closed the first.
        for _ in range(2):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status, f"{path}: {answer.status}"
            assert ("close" in answer.headers.get("Connection", "")) == bool(headers)
        connection.close()


def a_client_that_does_not_read_is_waited_for(port: int) -> None:
    with Connection(port) as connection:
        connection.socket.settimeout(2)
        message, sent = frame(TEXT, b"a" * 100_000), 0
        try:
            while sent < 1000:
                connection.socket.sendall(message)
                sent += 1
        except TimeoutError:
            pass
        assert 0 < sent < 1000, "the server goes on reading for a client that does not read"
        connection.socket.settimeout(20)
        for _ in range(sent):
            assert connection.receive() == (TEXT, b"a" * 100_000)


def the_server_says_that_it_ends(binary: str) -> None:
    async def talk(server: Server) -> int:
        async with connect(url(server.port)) as client:
            stopping = asyncio.create_task(asyncio.to_thread(server.stop))
            await client.wait_closed()
            assert client.close_code == 1001, client.close_code
            return await stopping

    assert asyncio.run(talk(Server(binary))) == 0


def the_server_ends_without_its_clients_help(binary: str) -> None:
    server = Server(binary)
    with Connection(server.port), socket.create_connection(("127.0.0.1", server.port)):
        start = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - start < 15


def silent_clients_are_dropped(binary: str) -> None:
    server = Server(binary, "0.5")
    try:
        async def stay() -> None:
            async with connect(url(server.port), ping_interval=None) as client:
                await asyncio.sleep(2)
                await client.send("still here")
                assert await client.recv() == "still here"

        with Connection(server.port) as connection:
            asyncio.run(stay())
            assert connection.receive() == (9, b"")
            assert connection.receive() is None
    finally:
        server.stop()


ON_ONE_SERVER = [
    messages_come_back, pings_are_answered, closing_is_answered, what_breaks_the_protocol_is_closed,
    many_connections_at_once, pages_from_elsewhere_are_kept_out, refusals_are_ordinary_answers,
    a_client_that_does_not_read_is_waited_for,
]
ON_SERVERS_OF_THEIR_OWN = [
    the_server_says_that_it_ends, the_server_ends_without_its_clients_help, silent_clients_are_dropped,
]
