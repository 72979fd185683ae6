"""The real server, for the tests that need one."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chat_api_client import TokenCallback
from Checks.Support import server as support
from Checks.Support.ports import reserve_port

# CHAT_API may be relative to the root of the repository, as for the other checks.
BINARY = str(Path(__file__).parents[3] / support.BINARY)
SECRET = secrets.token_hex(32)


class ChatServer:
    """A server that can be killed, and started again on the same port with the same database."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        # While the server is down, no other process may get its port.
        self._reservation = reserve_port()
        self.port: int = self._reservation.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, user: str = "ada") -> str:
        return self._run("token", f"--user={user}")

    def callback(self, user: str = "ada") -> TokenCallback:
        async def token() -> str:
            return self.token(user)

        return token

    def command(self, *words: str) -> str:
        """Runs another command on the same database."""
        return self._run(*words, f"--database-url={self._database}")

    def request(self, method: str, path: str, body: object = None, user: str = "ada") -> Any:
        headers = {"Authorization": f"Bearer {self.token(user)}"}
        response = httpx.request(method, self.url + path, json=body, headers=headers).raise_for_status()
        return response.json() if response.content else None

    def kill(self) -> None:
        self._server.kill()

    def stop(self) -> None:
        self._server.stop()

    def signal(self, number: signal.Signals) -> None:
        self._server.process.send_signal(number)

    def start(self) -> None:
        options = ("--stream-heartbeat=1", *self._options)
        command = (BINARY, "serve", f"--port={self.port}", f"--database-url={self._database}", *options)
        self._server = support.Server(*command, environment={"CHAT_JWT_SECRET": SECRET})

    def close(self) -> None:
        if self._server.process.poll() is None:
            self._server.kill()
        self._reservation.close()

    @property
    def _database(self) -> str:
        return f"sqlite:///{self._folder}/chat.db"

    def _run(self, *words: str) -> str:
        environment = {**os.environ, "CHAT_JWT_SECRET": SECRET}
        process = subprocess.run([BINARY, *words], env=environment, capture_output=True, text=True, check=True)
        return process.stdout.strip()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChatServer]:
    server = ChatServer(tmp_path)
    yield server
    server.close()
