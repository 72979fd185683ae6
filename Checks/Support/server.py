"""A server in its own process."""
import collections
import http.client
import json
import os
import re
import signal
import subprocess
import threading

BINARY = os.environ.get("CHAT_API", ".build/release/chat-api")
ADDRESS = re.compile(r"(?:listens|listening|running) on (?:https?://)?127\.0\.0\.1:(\d+)")


class Server:
    """Runs a command in the background, and returns once it logs the port that it listens on."""

    def __init__(
        self, *command: str, environment: dict[str, str] | None = None, folder: os.PathLike[str] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            # The checks send more requests than a user may.
            env={"CHAT_LIMITS": "off", **os.environ, **(environment or {})}, cwd=folder,
        )
        self.last_lines = collections.deque(maxlen=20)
        # chat-api's log lines about requests that got a 5xx other than 503.
        self.failures = []
        self.port = self._listening_port()
        # A full pipe would block the server.
        self._drain = threading.Thread(target=self._read, daemon=True)
        self._drain.start()

    def _listening_port(self) -> int:
        for line in self.process.stdout:
            self.last_lines.append(line)
            if found := ADDRESS.search(line):
                return int(found[1])
        raise RuntimeError(f"{self.process.args[0]} did not start:\n{''.join(self.last_lines)}")

    def _read(self) -> None:
        for line in self.process.stdout:
            self.last_lines.append(line)
            if " ERROR " in line:
                self.failures.append(line.rstrip())

    def stop(self) -> int:
        """Terminates the process and returns its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, sent: signal.Signals) -> int:
        self.process.send_signal(sent)
        status = self.process.wait(30)
        self._drain.join()
        self.process.stdout.close()
        return status


def chat_api(database_url: str, *options: str) -> Server:
    return Server(BINARY, "serve", "--port=0", f"--database-url={database_url}", *options)


def sign_token(environment: dict[str, str], *options: str) -> str:
    """A user's token for a day, signed with the secret in the environment."""
    done = subprocess.run(
        [BINARY, "token", "--ttl=86400", *options],
        env={**os.environ, **environment}, capture_output=True, text=True, check=True,
    )
    return done.stdout.strip()


def exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: dict | None = None,
    headers: dict[str, str] | None = None,
):
    """Sends a request and returns the response: its status, headers and JSON body."""
    content = {"Content-Type": "application/json"} if body else {}
    connection.request(method, path, body=json.dumps(body) if body else None, headers={**content, **(headers or {})})
    answer = connection.getresponse()
    return answer.status, answer.headers, json.loads(answer.read() or b"null")
