#!/usr/bin/env python3
"""Uses a server that requires credentials from a page on another origin, in a real browser: with fetch, a stream read by
fetch, an EventSource with a ticket through a restart, and a WebSocket. A page on an unlisted origin can use none of them.

    python3 -m Checks.Browser.access

Needs Debian's chromium and chromium-driver. The server is .build/release/chat-api (or CHAT_API). Ends with a line
`N passed, M failed`.
"""
import contextlib
import http.client
import http.server
import secrets
import sys
import tempfile
import threading

from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

from Checks.Browser.docs import SECONDS, run
from Checks.Support.server import BINARY, Server, exchange, sign_token

KEY = f"sk_check_{secrets.token_hex(24)}"
SECRETS = {"CHAT_JWT_SECRET": secrets.token_hex(24), "CHAT_SERVER_KEY": KEY}

# Each function returns what the page could observe; a request that the browser refuses throws.
PAGE = """
const done = arguments[arguments.length - 1];
const [base, token] = arguments;
const authorization = {Authorization: `Bearer ${token}`};
const run = async () => {
%s
};
run().then(done, (error) => done(`refused: ${error.name}`));
"""

FETCH = """
    const response = await fetch(`${base}/chats/1/messages/1`, {headers: authorization});
    const without = await fetch(`${base}/chats/1/messages/1`);
    return [response.status, (await response.json()).text, response.headers.get('ETag'),
            without.status, (await without.json()).code];
"""

POST = """
    const headers = {...authorization, 'Content-Type': 'application/json', 'Idempotency-Key': 'from-the-page'};
    const response = await fetch(`${base}/chats/1/messages`,
                                 {method: 'POST', headers, body: JSON.stringify({text: 'from the page'})});
    return [response.status, (await response.json()).author];
"""

FETCH_STREAM = """
    const response = await fetch(`${base}/chats/1/events?after=0`, {headers: authorization});
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!text.includes('caught_up')) text += (await reader.read()).value;
    reader.cancel();
    return [response.status, text.includes('"text":"hello"')];
"""

EVENT_SOURCE = """
    const body = JSON.stringify({path: '/chats/1/events'});
    const headers = {...authorization, 'Content-Type': 'application/json'};
    const {ticket} = await (await fetch(`${base}/tickets`, {method: 'POST', headers, body})).json();
    window.seen = []; window.openings = 0;
    window.source = new EventSource(`${base}/chats/1/events?after=0&ticket=${ticket}`);
    source.addEventListener('message.created', (event) => seen.push(JSON.parse(event.data).message.text));
    source.addEventListener('hello', () => { openings += 1; });
    return ticket;
"""

# No ticket: the browser hides why it was refused.
EVENT_SOURCE_REFUSED = """
    return await new Promise((resolve) => {
        const source = new EventSource(`${base}/chats/1/events?ticket=${token}`);
        source.onopen = () => resolve('open');
        source.onerror = () => { source.close(); resolve('refused'); };
    });
"""

WEB_SOCKET = """
    return await new Promise((resolve) => {
        const socket = new WebSocket(`${base.replace('http', 'ws')}/ws`);
        const received = [];
        socket.onopen = () => {
            socket.send(JSON.stringify({op: 'auth', token}));
            socket.send(JSON.stringify({op: 'send', chat_id: 1, text: 'by socket', id: 7}));
        };
        socket.onmessage = (event) => {
            received.push(JSON.parse(event.data));
            const message = received.find((answer) => answer.message);
            if (message) resolve([message.message.text, message.message.author]);
        };
        socket.onclose = (event) => resolve(`closed: ${event.code}`);
    });
"""


class Page:
    """An empty page on an origin of its own."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Page</title>")

        def log_message(self, *_: object) -> None:
            pass

    def __init__(self) -> None:
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class Service:
    """A server that requires credentials and lists one origin; it can be restarted on the same port."""

    def __init__(self, folder: str, origin: str) -> None:
        self.folder, self.origin, self.server = folder, origin, None
        self.start()

    def start(self) -> None:
        self.server = Server(
            BINARY, "serve", f"--port={self.server.port if self.server else 0}",
            f"--database-url=sqlite:///{self.folder}/chat.db", f"--cors-origins={self.origin}",
            f"--websocket-origins={self.origin}", "--log-level=notice", environment=SECRETS,
        )

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def request(self, method: str, path: str, body: dict) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=SECONDS)
        try:
            return exchange(connection, method, path, body, {"Authorization": f"Bearer {KEY}"})[0]
        finally:
            connection.close()


@contextlib.contextmanager
def service():
    with tempfile.TemporaryDirectory() as folder, Page() as page:
        service = Service(folder, page.origin)
        try:
            assert service.request("POST", "/chats", {"title": "shared"}) == 201
            assert service.request("POST", "/chats/1/messages", {"text": "hello"}) == 201
            yield service
        finally:
            status = service.server.stop()
        assert status == 0, f"the server ended with status {status}"


def token() -> str:
    return sign_token(SECRETS, "--user=ada", "--grant=1=member")


def observe(driver: Chrome, body: str, service: Service):
    return driver.execute_async_script(PAGE % body, service.base, token())


def listed_origin(driver: Chrome) -> None:
    driver.set_script_timeout(SECONDS)
    with service() as server:
        driver.get(server.origin)
        seen = observe(driver, FETCH, server)
        assert seen == [200, "hello", '"1"', 401, "token_missing"], f"fetch: {seen}"
        seen = observe(driver, POST, server)
        assert seen == [201, "ada"], f"post: {seen}"
        seen = observe(driver, FETCH_STREAM, server)
        assert seen == [200, True], f"stream by fetch: {seen}"
        seen = observe(driver, WEB_SOCKET, server)
        assert seen == ["by socket", "ada"], f"WebSocket: {seen}"


def ticket_through_a_restart(driver: Chrome) -> None:
    driver.set_script_timeout(SECONDS)
    wait = WebDriverWait(driver, SECONDS)
    with service() as server:
        driver.get(server.origin)
        observe(driver, EVENT_SOURCE, server)
        wait.until(lambda driver: driver.execute_script("return seen.length") == 1)
        server.server.kill()
        server.start()
        assert server.request("POST", "/chats/1/messages", {"text": "again"}) == 201
        wait.until(lambda driver: driver.execute_script("return openings") >= 2)
        wait.until(lambda driver: driver.execute_script("return seen.length") >= 2)
        seen = driver.execute_script("source.close(); return seen")
        assert seen == ["hello", "again"], f"seen: {seen}"


def unlisted_origin(driver: Chrome) -> None:
    driver.set_script_timeout(SECONDS)
    with service() as server, Page() as other:
        driver.get(other.origin)
        for name, body in [("fetch", FETCH), ("post", POST), ("stream by fetch", FETCH_STREAM)]:
            seen = observe(driver, body, server)
            assert seen == "refused: TypeError", f"{name}: {seen}"
        seen = observe(driver, EVENT_SOURCE_REFUSED, server)
        assert seen == "refused", f"EventSource: {seen}"
        seen = observe(driver, WEB_SOCKET, server)
        assert seen == "closed: 1006", f"WebSocket: {seen}"


def main() -> int:
    return run((listed_origin, ticket_through_a_restart, unlisted_origin))


if __name__ == "__main__":
    sys.exit(main())
