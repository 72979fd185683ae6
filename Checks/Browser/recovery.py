#!/usr/bin/env python3
"""How the page /chat recovers: chats, drafts and sessions that end and return, and a server behind a failing proxy.

    python3 -m Checks.Browser.recovery [SCREENSHOT_FOLDER]

Needs what Checks/Browser/chat.py needs. Ends with a line `N passed, M failed`.
"""
import contextlib
import http.client
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from Checks.Browser.chat import ChatWindow
from Checks.Browser.docs import SECONDS, run
from Checks.Browser.window import DESKTOP, PHONE, SCREENSHOTS, Service, service


def empty_database(server: Service) -> None:
    """Starts the server anew, as if it had never run."""
    server.server.stop()
    for file in Path(server.folder).iterdir():
        file.unlink()
    server.start()


def chat_opens_once_one_is_a_member(driver: Chrome) -> None:
    ben = ChatWindow(driver)
    with service(with_users=True) as server:
        tokens = server.tokens("ada", "ben")
        with server.caller(tokens["ada"]) as call:
            call("POST", "/chats/", {"title": "Team"})
            call("POST", "/chats/1/messages/", {"text": "Welcome"})
            driver.get(f"{server.url('/chat')}#token={tokens['ben']}")
            ben.status_is("Live")
            ben.run("location.hash = '#/chats/1'")
            ben.until(lambda: ben.one("#log-state").text == "Chat not found.", "the chat of others opens")
            assert not ben.one("#composer").is_displayed()
            call("PUT", "/chats/1/members/ben", {"role": "member"})
        ben.shows("Welcome")
        assert ben.one("#chat-title").text == "Team"
        ben.send("Thank you")
        ben.shows("Welcome", "Thank you")


def chat_opens_after_the_database_was_emptied(driver: Chrome) -> None:
    for with_users in (False, True):
        ada = ChatWindow(driver)
        with service(with_users) as server:
            if with_users:
                driver.get(f"{server.url('/chat')}#token={server.token('ada', 'Ada')}")
                ada.until(lambda: ada.one("#app").is_displayed(), "not signed in")
            else:
                ada.sign_in(server.url("/chat"), "Ada")
            ada.create("Before")
            ada.send("old")
            ada.shows("old")
            empty_database(server)
            ada.until(lambda: not ada.one("#composer").is_displayed(), "the old chat stays")
            # It has the id of the old one.
            ada.create("After")
            ada.shows()
            ada.send("new")
            ada.shows("new")
            assert driver.current_url.endswith("#/chats/1")


def drafts_outlive_the_session(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service(with_users=True) as server:
        tokens = server.tokens("ada", "ben")
        driver.get(f"{server.url('/chat')}#token={tokens['ada']}")
        ada.until(lambda: ada.one("#app").is_displayed(), "not signed in")
        ada.create("Lunch")
        ada.create("Team")
        ada.send("At noon?")
        ada.shows("At noon?")
        draft = ada.one("#draft")
        # An edit and the text under it wait while another chat is open, and when the page is loaded again.
        draft.send_keys("half a thought")
        ada.run("document.querySelector('#messages .own').focus()")
        ada.click("#messages .own button", "Edit")
        draft.send_keys(" At one!")
        ada.open("Lunch")
        assert draft.get_property("value") == "" and not ada.one("#draft-context").is_displayed()
        draft.send_keys("soup")
        ada.open("Team")
        assert draft.get_property("value") == "At noon? At one!"
        driver.refresh()
        ada.until(lambda: ada.texts() == ["At noon?"], "the chat does not open")
        assert ada.one("#draft").get_property("value") == "At noon? At one!"
        assert ada.one("#send").text == "Save"
        ada.one("#draft").send_keys(Keys.ENTER)
        ada.shows("At noon? At one!")
        ada.until(lambda: ada.one("#draft").get_property("value") == "half a thought", "the draft is gone")
        ada.run("document.querySelector('#messages .own').focus()")
        ada.click("#messages .own button", "Reply")
        with server.caller(server.key("check", "admin")) as call:
            call("POST", "/users/ada/revoke")
        ada.until(lambda: ada.one("#sign-in-error").text != "", "the page does not ask for another token")
        assert ada.one("#sign-in-error").text == "Your session has ended. Sign in again."
        time.sleep(1 - time.time() % 1)  # A token counts as revoked in the second of the revocation.
        ada.one("#sign-in-value").send_keys(server.token("ada", "Ada"), Keys.ENTER)
        ada.until(lambda: ada.texts() == ["At noon? At one!"], "the chat does not open")
        assert ada.one("#draft").get_property("value") == "half a thought"
        assert ada.one("#draft-label").text == "Reply to Ada: At noon? At one!"
        ada.open("Lunch")
        assert ada.one("#draft").get_property("value") == "soup"
        ada.one("#draft").send_keys(Keys.ENTER)
        ada.shows("soup")
        driver.refresh()
        ada.shows("soup")
        assert ada.one("#draft").get_property("value") == ""
        # Nobody else at this tab gets the drafts.
        ada.run("location.hash = arguments[0]", f"#token={tokens['ben']}")
        ada.until(lambda: ada.one("#own-name").text == "Ben", "Ben is not signed in")
        assert "half a thought" not in ada.run("return JSON.stringify({ ...sessionStorage })")


def draft_for_a_deleted_chat_can_be_copied(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service() as server:
        ada.sign_in(server.url("/chat"), "Ada")
        ada.create("Lunch")
        ada.one("#draft").send_keys("soup")
        with server.caller() as call:
            call("DELETE", "/chats/1")
        ada.until(lambda: ada.one("#log-state").text == "This chat was deleted.", "the chat stays")
        assert ada.one("#draft").get_property("value") == "soup"
        assert ada.one("#draft").is_displayed() and not ada.one("#send").is_displayed()
        ada.one("#draft").send_keys("!", Keys.ESCAPE, Keys.ENTER)
        assert ada.one("#draft").get_property("value") == "soup"
        assert not ada.find("#outbox .message")
        ada.is_accessible()
        ada.shoot("over")


def saving_an_edit_leaves_other_chats_alone(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service() as server:
        ada.sign_in(server.url("/chat"), "Ada")
        ada.create("Lunch")
        ada.create("Team")
        ada.send("At noon?")
        ada.shows("At noon?")
        for refused in (False, True):
            with slow_edits(ada, refused):
                ada.run("document.querySelector('#messages .own').focus()")
                ada.click("#messages .own button", "Edit")
                ada.send("!")
                ada.until(lambda: ada.one("#draft-error").text == "Waiting for the server…", "nothing says why it takes long")
                with server.caller() as call:
                    call("POST", "/chats/2/messages/", {"text": f"Meanwhile {refused}"})
                ada.until(lambda: ada.texts()[-1] == f"Meanwhile {refused}", "the log stands still")
                # Nothing is sent twice, or as another message.
                ada.send("")
                ada.open("Lunch")
                ada.one("#draft").send_keys("soup")
            assert ada.one("#draft").get_property("value") == "soup" * (1 + refused)
            assert ada.one("#draft-error").text == ""
            ada.open("Team")
            ada.until(lambda: ada.texts()[:1] == ["At noon?!"], "the edit is not saved")
        # What could not be saved can be saved again.
        assert ada.one("#draft").get_property("value") == "At noon?!!"
        ada.one("#draft").send_keys(Keys.ENTER)
        ada.shows("At noon?!!", "Meanwhile False", "Meanwhile True")
        ada.until(lambda: ada.one("#draft").get_property("value") == "", "the edit stays")


@contextlib.contextmanager
def slow_edits(window: ChatWindow, refused: bool) -> Iterator[None]:
    """Holds back the responses to edits until the end of the block."""
    window.run(
        """
        const { fetch } = window;
        const gate = new Promise((resolve) => (window.openGate = resolve));
        window.fetch = async (request, options) => {
            if (options?.method !== "PATCH") return fetch(request, options);
            await gate;
            window.fetch = fetch;
            return arguments[0] ? Response.json({ code: "forbidden", detail: "Not now" }, { status: 403 }) : fetch(request, options);
        };
        """, refused,
    )
    yield
    window.run("openGate()")
    time.sleep(0.5)


def server_asks_for_tokens_from_now_on(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service() as server:
        ada.sign_in(server.url("/chat"), "Ada")
        ada.until(lambda: ada.one("#chats-state").text == "No chats yet. Start one.", "there is no list")
        server.server.stop()
        server.environment["CHAT_JWT_SECRET"] = "0123456789abcdef" * 4
        server.start()
        ada.until(lambda: ada.one("#sign-in-label").text == "Token", "the page does not ask for a token")
        assert ada.one("#sign-in-error").text == "Your session has ended. Sign in again."
        ada.run("sessionStorage.setItem('chat-session', JSON.stringify({ token: null, name: 'Ada' }))")
        driver.refresh()
        ada.until(lambda: ada.one("#sign-in-value").is_displayed(), "no form to sign in")
        assert ada.one("#sign-in-error").text == ""
        ada.one("#sign-in-value").send_keys("not a tökén", Keys.ENTER)
        ada.until(lambda: ada.one("#sign-in-error").text == "The server does not accept this token.", "the token is accepted")
        ada.one("#sign-in-value").clear()
        ada.one("#sign-in-value").send_keys(server.token("ada", "Ada"), Keys.ENTER)
        ada.until(lambda: ada.one("#app").is_displayed(), "not signed in")


class FailingProxy(BaseHTTPRequestHandler):
    """Serves the page, and answers its requests as proxies in trouble do."""
    trouble = "502"

    def do_GET(self) -> None:
        if self.path == "/me" and self.trouble == "502":
            self.answer(502, "text/html", b"<html>Bad gateway</html>")
        elif self.path == "/me" and self.trouble == "hangs":
            self.server.ended.wait(SECONDS)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.server.upstream, timeout=SECONDS)
            connection.request("GET", self.path)
            response = connection.getresponse()
            self.answer(response.status, response.getheader("Content-Type"), response.read())
            connection.close()

    def answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def page_waits_for_a_proxy_in_trouble(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service() as server:
        proxy = ThreadingHTTPServer(("127.0.0.1", 0), FailingProxy)
        proxy.upstream, proxy.ended = server.server.port, threading.Event()
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        page = f"http://127.0.0.1:{proxy.server_port}/chat"
        try:
            for trouble in ("502", "hangs"):
                FailingProxy.trouble = trouble
                driver.get(page)
                ada.run("sessionStorage.setItem('chat-session', JSON.stringify({ token: null, name: 'Ada' }))")
                driver.refresh()
                ada.until(lambda: ada.one("#sign-in-error").text == "Waiting for the server…", f"{trouble}: nothing shows")
                assert not ada.one("#sign-in-value").is_displayed()
                ada.shoot(f"sign-in-{trouble}")
                if trouble == "hangs":
                    break
                FailingProxy.trouble = ""
                ada.until(lambda: ada.one("#app").is_displayed(), f"{trouble}: the page does not try again")
        finally:
            proxy.ended.set()
            proxy.shutdown()
            proxy.server_close()


def names_of_those_who_type(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service(with_users=True) as server:
        tokens = server.tokens("ada", "ben")
        with server.caller(tokens["ada"]) as call:
            call("POST", "/chats/", {"title": "Team", "members": ["ben"]})
        driver.get(f"{server.url('/chat')}#token={tokens['ada']}")
        ada.open("Team")
        ada.status_is("Live")
        with server.caller(tokens["ben"]) as call:
            call("GET", "/me")
            call("POST", "/chats/1/typing", {"metadata": {"by": "keys"}})
            ada.until(lambda: ada.one("#typing").text == "Ben is typing…", f"Ada sees {ada.one('#typing').text}")
            call("POST", "/chats/1/messages/", {"text": "Hello"})
        ada.shows("Hello")
        assert ada.one("#typing").text == ""


def reading_starts_where_it_ended(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service(with_users=True) as server:
        tokens = server.tokens("ada", "ben")
        with server.caller(tokens["ada"]) as call:
            call("POST", "/chats/", {"title": "Team", "members": ["ben"]})
            for number in range(1, 4):
                call("POST", "/chats/1/messages/", {"text": f"Read {number}"})
        with server.caller(tokens["ben"]) as call:
            for number in range(1, 151):
                call("POST", "/chats/1/messages/", {"text": f"Unread {number}"})

        def unread_from() -> list[str]:
            return ada.run(
                "return [...document.querySelectorAll('.first-unread')]"
                ".map((line) => line.parentElement.querySelector('.bubble').textContent)"
            )

        driver.get(f"{server.url('/chat')}#token={tokens['ada']}")
        ada.open("Team")
        # The start of what is unread is on the page before.
        ada.until(lambda: ada.texts()[:1] == ["Read 1"], "the older messages are missing")
        ada.until(lambda: unread_from() == ["Unread 1"], f"the line is at {unread_from()}")
        driver.refresh()
        ada.until(lambda: ada.texts()[-1:] == ["Unread 150"], "the chat does not open")
        assert unread_from() in ([], ["Unread 1"]), unread_from()



def status_shows_in_a_chat_on_a_phone(driver: Chrome) -> None:
    ada = ChatWindow(driver, PHONE)
    with service() as server:
        for size, scale in ((PHONE, 1), ((640, 450), 2)):
            ada.emulate("light", size, scale)
            driver.get("about:blank")
            driver.get(f"{server.url('/chat')}#name=Ada")
            ada.until(lambda: ada.one("#app").is_displayed(), "not signed in")
            ada.create("A title that is longer than the screen of a phone is wide")

            def statuses() -> list[str]:
                return [status.text for status in ada.find(".status") if status.is_displayed()]

            ada.until(lambda: statuses() == ["Live"], f"the chat says {statuses()}")
            ada.is_accessible()
            server.server.kill()
            ada.until(lambda: statuses() == ["Offline, retrying…"], f"the chat says {statuses()}")
            ada.shoot(f"status-{size[0]}")
            server.start()
            ada.until(lambda: statuses() == ["Live"], f"the chat says {statuses()}")
        ada.emulate("light", DESKTOP)
        assert len(statuses()) == 1


CHECKS = [
    chat_opens_once_one_is_a_member, chat_opens_after_the_database_was_emptied, drafts_outlive_the_session,
    draft_for_a_deleted_chat_can_be_copied, saving_an_edit_leaves_other_chats_alone, server_asks_for_tokens_from_now_on, page_waits_for_a_proxy_in_trouble,
    status_shows_in_a_chat_on_a_phone, names_of_those_who_type, reading_starts_where_it_ended,
]

if __name__ == "__main__":
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    sys.exit(run(CHECKS, failures=SCREENSHOTS))
