#!/usr/bin/env python3
"""Streams a chat to a real browser while its server is killed, is full, or is replaced by a failing proxy, and then
returns. Checks that no event is missing or duplicated.

    python3 -m Checks.Browser.events

Needs Debian's chromium and chromium-driver. The server is .build/release/chat-api (or CHAT_API). Ends with a line
`N passed, M failed`.
"""
import http.client
import http.server
import pathlib
import re
import sys
import tempfile
import threading

from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

from Checks.Browser.docs import SECONDS, run
from Checks.Support.server import BINARY, Server, exchange

POSTS = 300
CHATS = 2

# The page records the events; resuming by id is left to the browser.
FOLLOW = """
window.seen = []; window.notices = []; window.failures = 0;
window.source = new EventSource(arguments[0]);
source.onerror = () => { failures += 1; };
source.addEventListener('message.created', (event) => {
    const entry = JSON.parse(event.data);
    seen.push([entry.chat_id, entry.seq, entry.message.text]);
});
for (const type of ['hello', 'caught_up', 'reconnect', 'overflow', 'chat.deleted']) {
    source.addEventListener(type, () => notices.push(type));
}
"""


# The example of docs/streaming.md; the page records its output.
DOCUMENTED = "window.shown = []; console.log = (...values) => shown.push(values);\n" + re.findall(
    r"```js\n(.*?)```", (pathlib.Path(__file__).parents[2] / "docs" / "streaming.md").read_text(), re.DOTALL,
)[0]


def serve(url: str, port: int = 0, *options: str) -> Server:
    return Server(BINARY, "serve", f"--port={port}", f"--database-url={url}", *(options or ["--log-level=notice"]))


class FailingProxy:
    """Responds to every request with 502."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(502)
            self.server.asked.set()

        def log_message(self, *_: object) -> None:
            pass

    def __init__(self, port: int) -> None:
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), self.Handler)
        self.server.asked = threading.Event()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def request(port: int, method: str, path: str, body: dict | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        return exchange(connection, method, path, body)[0]
    finally:
        connection.close()


class Writer(threading.Thread):
    """Posts to the chats in turn, each message under a key until it is acknowledged."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.half_done = threading.Event()

    def run(self) -> None:
        for number in range(1, POSTS + 1):
            for chat in range(1, CHATS + 1):
                while not self._post(chat, number):
                    pass
            if number == POSTS // 2:
                self.half_done.set()

    def _post(self, chat: int, number: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            status, _, _ = exchange(
                connection, "POST", f"/chats/{chat}/messages", {"text": str(number)}, {"Idempotency-Key": str(number)},
            )
            return status in (200, 201)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def follow_through_a_crash(driver: Chrome, path: str, chats: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/chat.db"
        server = serve(url)
        try:
            for _ in range(CHATS):
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
                exchange(connection, "POST", "/chats", {"title": "followed"})
                connection.close()
            # Any page of this server whose content security policy allows it.
            driver.get(f"http://127.0.0.1:{server.port}/docs")
            driver.execute_script(FOLLOW, path)
            wait = WebDriverWait(driver, SECONDS)
            wait.until(lambda driver: driver.execute_script("return notices.includes('caught_up')"))
            writer = Writer(server.port)
            writer.start()
            assert writer.half_done.wait(SECONDS), "the messages are not posted"
            server.kill()
            wait.until(lambda driver: driver.execute_script("return failures > 0"))
            server = serve(url, server.port)
            writer.join(SECONDS)
            assert not writer.is_alive(), "the messages are not all posted"
            count = POSTS * len(chats)
            wait.until(lambda driver: driver.execute_script("return seen.length") >= count)
            # Make sure that the stream has reconnected.
            wait.until(lambda driver: driver.execute_script("return notices.filter((type) => type == 'hello').length > 1"))
            seen, notices = driver.execute_script("source.close(); return [seen, notices]")
        finally:
            status = server.stop()
        assert status == 0, f"the server ended with status {status}"
        for chat in chats:
            own = [(seq, text) for of, seq, text in seen if of == chat]
            assert own == [(number, str(number)) for number in range(1, POSTS + 1)], f"chat {chat} was seen as {own}"
        assert len(seen) == count, "there is something of other chats"
        assert set(notices) <= {"hello", "caught_up"}, f"notices: {notices}"


def one_chat(driver: Chrome) -> None:
    follow_through_a_crash(driver, "/chats/1/events", [1])


def several_chats(driver: Chrome) -> None:
    follow_through_a_crash(driver, "/events?chats=1,2", [1, 2])


def all_chats(driver: Chrome) -> None:
    follow_through_a_crash(driver, "/events", [1, 2])


def documented_example(driver: Chrome) -> None:
    """Reconnects to a server without a free slot, and to a proxy whose errors an EventSource gives up on."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/chat.db"
        server = serve(url, 0, "--max-streams=0", "--log-level=info")
        port = server.port
        wait = WebDriverWait(driver, SECONDS)
        try:
            request(port, "POST", "/chats", {"title": "followed"})
            request(port, "POST", "/chats/1/messages", {"text": "first"})
            driver.get(f"http://127.0.0.1:{port}/docs")
            driver.execute_script(DOCUMENTED)
            # No slot: the response tells the browser to reconnect.
            wait.until(lambda _: any("Stream refused" in line for line in list(server.last_lines)))
            server.stop()
            server = serve(url, port)
            wait.until(lambda driver: driver.execute_script("return shown.length") == 1)
            server.stop()
            proxy = FailingProxy(port)
            try:
                assert proxy.server.asked.wait(SECONDS), "the browser does not come back"
            finally:
                proxy.stop()
            server = serve(url, port)
            assert request(port, "POST", "/chats/1/messages", {"text": "second"}) == 201
            wait.until(lambda driver: driver.execute_script("return shown.length") >= 2)
            shown = driver.execute_script("return shown")
        finally:
            status = server.stop()
        assert status == 0, f"the server ended with status {status}"
        assert shown == [[1, "message.created", "first"], [2, "message.created", "second"]], f"shown: {shown}"


def main() -> int:
    return run((one_chat, several_chats, all_chats, documented_example))


if __name__ == "__main__":
    sys.exit(main())
