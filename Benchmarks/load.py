"""The load of many clients: wrk."""
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from Benchmarks.fill import TEXT

CONNECTIONS, THREADS = 64, 1
SCRIPT = Path(__file__).with_name("requests.lua")


@dataclass(frozen=True)
class Load:
    """What the clients ask for.

    A `%d` in the path is a chat, 1 to `chats`, drawn anew for each request.
    """

    method: str
    path: str
    chats: int = 1

    @property
    def body(self) -> dict | None:
        return {"text": f"Message 1000000. {TEXT}"} if self.method == "POST" else None

    def run(self, port: int, seconds: int) -> dict:
        """Returns what requests.lua counted.

        Raises `RuntimeError` if there was any other answer than success.
        """
        arguments = [self.method, self.path, str(self.chats), *([json.dumps(self.body)] if self.body else [])]
        done = subprocess.run(
            ["wrk", f"-t{THREADS}", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout=10s", f"-s{SCRIPT}",
             f"http://127.0.0.1:{port}", "--", *arguments],
            capture_output=True, text=True,
        )
        if done.returncode:
            raise RuntimeError(f"wrk: {done.stdout}{done.stderr}")
        counted = json.loads(done.stdout.splitlines()[-1])
        if counted["refused"] or counted["broken"] or not counted["requests"]:
            raise RuntimeError(f"{self.method} {self.path}: {counted}")
        return counted
