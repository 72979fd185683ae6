"""The service over WebSocket, seen by the library `websockets`: no event is missing, duplicated or out of order,
whichever side disconnects."""
import asyncio
import concurrent.futures
import http.client
import json
import random
import socket
import struct
import tempfile
import threading

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage

from Checks.Support.server import Server, chat_api, exchange
from Checks.WebSocket.wire import TEXT, Connection, frame

SUBSCRIBERS = 12
WRITERS = 4
MESSAGES = 600
KILL_AFTER = 200
# What a client may see when the server is killed, while connecting or later.
BROKEN = (ConnectionClosed, InvalidMessage, OSError)


class Service:
    """The server on one database, which is killed once and restarted."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self.server = chat_api(database_url)

    def kill(self) -> None:
        self.server.kill()
        self.server = chat_api(self.database_url)

    def connect(self):
        return connect(f"ws://127.0.0.1:{self.server.port}/ws", open_timeout=30)


async def ask(socket, **request):
    """Sends a request and returns its response, skipping events that arrive before it."""
    await socket.send(json.dumps({**request, "ref": 1}))
    while True:
        message = json.loads(await socket.recv())
        if "ref" in message:
            return message


async def read(service: Service, chance: random.Random) -> list[int]:
    """Subscribes to the chat over connections that keep breaking, until it has all positions."""
    seen = []
    while not seen or seen[-1] < MESSAGES:
        try:
            async with service.connect() as socket:
                await socket.send(json.dumps({"op": "subscribe", "chat_id": 1, "after": seen[-1] if seen else 0}))
                for _ in range(chance.randint(1, 150)):
                    message = json.loads(await socket.recv())
                    assert message.get("ok", True), message
                    if message.get("type") == "message.created":
                        seen.append(message["seq"])
                        if seen[-1] == MESSAGES:
                            break
                if chance.random() < 0.5:
                    # Without a close frame.
                    socket.transport.abort()
        except BROKEN:
            await asyncio.sleep(0.02)
    return seen


async def write(service: Service, number: int) -> None:
    """Posts its share, each message until it gets a response."""
    texts = iter([f"{number}/{index}" for index in range(MESSAGES // WRITERS)])
    text = next(texts)
    while text:
        try:
            async with service.connect() as socket:
                while text:
                    answer = await ask(socket, op="send", chat_id=1, text=text, idempotency_key=text)
                    if answer["ok"]:
                        assert answer["message"]["text"] == text
                        text = next(texts, None)
                    else:
                        assert answer["code"] in ("unavailable", "outcome_unknown"), answer
        except BROKEN:
            await asyncio.sleep(0.02)


async def kill_midway(service: Service) -> None:
    async with service.connect() as socket:
        await socket.send(json.dumps({"op": "subscribe", "chat_id": 1, "after": 0}))
        while json.loads(await socket.recv()).get("seq") != KILL_AFTER:
            pass
    await asyncio.to_thread(service.kill)


async def code_after(server: Server, message, **options) -> int:
    """The code with which the service closes the connection after a message."""
    async with connect(f"ws://127.0.0.1:{server.port}/ws") as socket:
        await socket.send(message, **options)
        await socket.wait_closed()
        return socket.close_code


async def follow_and_kill(service: Service) -> None:
    create_chat(service.server)
    subscribers = [read(service, random.Random(number)) for number in range(SUBSCRIBERS)]
    writers = [write(service, number) for number in range(WRITERS)]
    everything = await asyncio.gather(*subscribers, *writers, kill_midway(service))
    for positions in everything[:SUBSCRIBERS]:
        assert positions == list(range(1, MESSAGES + 1)), positions


def create_chat(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    status, _, chat = exchange(connection, "POST", "/chats/", {"title": "a"})
    assert (status, chat["id"]) == (201, 1)
    connection.close()


def readers_and_writers_miss_nothing_through_a_sigkill() -> None:
    with tempfile.TemporaryDirectory() as folder:
        service = Service(f"sqlite:///{folder}/chat.db")
        try:
            asyncio.run(follow_and_kill(service))
        finally:
            assert service.server.stop() == 0


def the_service_closes_with_the_right_codes() -> None:
    async def talk(server: Server) -> None:
        assert await code_after(server, b"binary") == 1003
        assert await code_after(server, b"\xff", text=True) == 1007
        assert await code_after(server, "a" * (1 << 19) + "a") == 1009
        async with connect(f"ws://127.0.0.1:{server.port}/ws") as socket:
            assert json.loads(await socket.recv()) == {"type": "hello"}
            await socket.ping()
            # In fragments.
            await socket.send(['{"op":', '"ping"', ',"ref":"é"}'])
            assert json.loads(await socket.recv()) == {"ref": "é", "op": "ping", "ok": True}
            stopping = asyncio.create_task(asyncio.to_thread(server.stop))
            assert json.loads(await socket.recv())["type"] == "reconnect"
            await socket.wait_closed()
            assert socket.close_code == 1001
            assert await stopping == 0

    asyncio.run(talk(chat_api("sqlite::memory:")))


def followers_that_are_reset_take_nobody_with_them() -> None:
    """Connections that break while events are being written to them."""
    server = chat_api("sqlite::memory:", "--log-level=notice")
    create_chat(server)
    is_over = threading.Event()

    def post() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        while not is_over.is_set():
            exchange(connection, "POST", "/chats/1/messages/", {"text": "👋" * 5_000})

    with concurrent.futures.ThreadPoolExecutor(16) as posters:
        posting = [posters.submit(post) for _ in range(16)]
        try:
            for _ in range(10):
                followers = [Connection(server.port, "/ws") for _ in range(30)]
                for follower in followers:
                    # So small that the server soon has to wait for the client.
                    follower.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    follower.send(frame(TEXT, b'{"op":"subscribe","chat_id":1}'))
                for follower in followers:
                    # Receive an event, then reset the connection without reading more.
                    while b"message.created" not in follower.receive()[1]:
                        pass
                    follower.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                for follower in followers:
                    follower.__exit__()
        finally:
            is_over.set()
        for done in posting:
            done.result()
    assert server.stop() == 0


CHECKS = [
    readers_and_writers_miss_nothing_through_a_sigkill, the_service_closes_with_the_right_codes,
    followers_that_are_reset_take_nobody_with_them,
]
