#!/usr/bin/env python3
"""Lets a real browser follow a chat while its server is killed and comes back, and looks for what is missing or doubled.

    python3 -m Tests.Browser.events

Needs Debian's chromium and chromium-driver. The server is .build/release/chat-api (or CHAT_API). Ends with a line
`N passed, M failed`.
"""
import http.client
import sys
import tempfile
import threading

from selenium.webdriver import Chrome
from selenium.webdriver.support.ui import WebDriverWait

from Tests.Browser.docs import SECONDS, browser
from Tests.Support.server import BINARY, Server, exchange

POSTS = 300
CHATS = 2

# What it has seen is kept in the page, which knows nothing of ids and of coming back: that is the browser's own.
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


def serve(url: str, port: int = 0) -> Server:
    return Server(BINARY, "serve", f"--port={port}", f"--database-url={url}", "--log-level=notice")


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
            # Any page of the server's own that has no policy against it.
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
            # A last one, behind which nothing can come that is doubled.
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


def main() -> int:
    passed = failed = 0
    for check in (one_chat, several_chats, all_chats):
        driver = browser()
        try:
            check(driver)
            passed += 1
        except Exception as error:
            failed += 1
            print(f"FAILED  {check.__name__}: {type(error).__name__}: {error}")
        finally:
            driver.quit()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
