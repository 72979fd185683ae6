"""The service that receives the webhooks."""
import http.server
import json
import random
import threading
from dataclasses import dataclass

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


@dataclass
class Request:
    """A request that arrived completely."""
    hook: str
    id: str
    chat: int
    epoch: str
    positions: list[int]
    # The ids of the messages that the entries created.
    messages: list[int]
    # Whether the response was a 200; it may not have arrived.
    accepted: bool


class Hook:
    def __init__(self, number: int, secret: str) -> None:
        self.number, self.verifier = number, Webhook(secret)
        # The last accepted position in each chat.
        self.ends: dict[int, int] = {}


class Receiver:
    """Accepts all requests to `/steady`, and half of those to `/flaky`."""

    def __init__(self, seed: int) -> None:
        self.hooks: dict[str, Hook] = {}
        self.requests: list[Request] = []
        self.problems: list[str] = []
        self.faults = random.Random(seed)
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # With two small writes per response, Nagle's algorithm would wait for the acknowledgement of the first.
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.receive(self.path, dict(self.headers), body)
                self.send_response(status)
                if status == 503:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_) -> None:
                """Connections that a killed server leaves are no errors."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()

    def __str__(self) -> str:
        entries = sum(len(request.positions) for request in self.requests)
        rejected = sum(not request.accepted for request in self.requests)
        return f"{len(self.requests)} requests with {entries} entries, {rejected} of them rejected"

    def add(self, path: str, number: int, secret: str) -> None:
        self.hooks[path] = Hook(number, secret)

    def has_all(self, ends: dict[int, int]) -> bool:
        with self.lock:
            return all(hook.ends.get(chat) == end for hook in self.hooks.values() for chat, end in ends.items())

    def receive(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Records a request and returns the status of the response."""
        hook = self.hooks[path]
        try:
            hook.verifier.verify(body, headers)
        except WebhookVerificationError as error:
            self.problems.append(f"{path}: {error}")
        event = json.loads(body)
        lower = {name.lower(): value for name, value in headers.items()}
        entries = event["entries"]
        with self.lock:
            status = 200 if path == "/steady" or self.faults.random() < 0.5 else 503
            request = Request(
                path, lower["webhook-id"], event["chat_id"], event["epoch"], [entry["seq"] for entry in entries],
                [entry["message"]["id"] for entry in entries if entry["type"] == "message.created"], status == 200,
            )
            self.requests.append(request)
            if request.accepted:
                hook.ends[request.chat] = request.positions[-1]
            return status
