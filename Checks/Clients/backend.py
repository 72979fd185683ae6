"""The server under test, and the requests that do not go through a client."""
import asyncio
import contextlib
import http.client
import os
import secrets
import subprocess

from Checks.Clients.tokens import SECRET_VARIABLE
from Checks.Support import server

KEY_VARIABLE = "CHAT_SERVER_KEY"
# One second: a client takes a connection for dead after 2.5 of them.
OPTIONS = ("--auth=required", "--migrate", "--stream-heartbeat=1")
# Posts at once.
POSTERS = 8


def set_secrets() -> None:
    """Every server inherits them."""
    os.environ[SECRET_VARIABLE] = secrets.token_hex(32)
    os.environ[KEY_VARIABLE] = f"sk_check_{secrets.token_hex(24)}"


class Backend:
    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self.server: server.Server | None = None
        # The one that may still be ending.
        self._listening: server.Server | None = None
        self.failures: list[str] = []

    @property
    def port(self) -> int:
        """Raises ConnectionRefusedError once the server has ended: another process may listen on its port then."""
        if self._listening is None:
            raise ConnectionRefusedError("the server is down")
        return self._listening.port

    @property
    def is_running(self) -> bool:
        return self.server is not None

    async def start(self) -> None:
        self.server = self._listening = await asyncio.to_thread(server.chat_api, self.database_url, *OPTIONS)

    async def stop(self) -> None:
        if status := await self._end(server.Server.stop):
            self.failures.append(f"the server ended with status {status}")

    async def kill(self) -> None:
        await self._end(server.Server.kill)

    async def _end(self, end) -> int | None:
        ended, self.server = self.server, None
        status = await asyncio.to_thread(end, ended)
        self._listening = None
        self.failures += ended.failures
        return status

    async def renew_epoch(self) -> None:
        command = [server.BINARY, "epoch", "renew", f"--database-url={self.database_url}"]
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)

    async def request(self, method: str, path: str, body: dict | None = None, user: str | None = None):
        """Makes a request with the server key, for a user if there is one, and returns the JSON of its response."""
        headers = {"Authorization": f"Bearer {os.environ[KEY_VARIABLE]}", **({"Act-As": user} if user else {})}

        def exchange():
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
                return server.exchange(connection, method, path, body, headers)

        status, _, answer = await asyncio.to_thread(exchange)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {answer}")
        return answer

    async def post(self, chat: int, texts: list[str], user: str) -> None:
        """Posts as another user, in any order."""
        gate = asyncio.Semaphore(POSTERS)

        async def post(text: str) -> None:
            async with gate:
                await self.request("POST", f"/chats/{chat}/messages/", {"text": text}, user)

        await asyncio.gather(*map(post, texts))

    async def log(self, chat: int, known: list[dict]) -> list[dict]:
        """The log, of which the beginning is known."""
        entries = list(known)
        while True:
            page = await self.request("GET", f"/chats/{chat}/log?after={len(entries)}&limit=100")
            entries += page["entries"]
            if len(entries) >= page["last_seq"]:
                return entries
