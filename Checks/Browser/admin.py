#!/usr/bin/env python3
"""The page /admin in a real browser: logs that grow, through a crash of the server, server keys, open streams, webhooks
with a receiver, the state of the server, hostile text, and what a screen reader needs.

    python3 -m Checks.Browser.admin [SCREENSHOT_FOLDER]

Needs Debian's chromium and chromium-driver, and the packages of requirements.txt. The server is .build/release/chat-api
(or CHAT_API). Ends with a line `N passed, M failed`.
"""
import contextlib
import http.client
import http.server
import json
import sys
import threading
from collections.abc import Iterator

from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from Checks.Browser.docs import SECONDS, run
from Checks.Browser.window import DESKTOP, PHONE, SCREENSHOTS, Service, Window, service
from Checks.Support.server import exchange


class AdminWindow(Window):
    """A browser window with the page for operators."""

    def sign_in(self, page: str, key: str) -> None:
        self.driver.get(page)
        self.until(lambda: self.one("#sign-in-key").is_displayed(), "no form to sign in")
        self.enter(key)
        self.until(lambda: self.one("#app").is_displayed(), "not signed in")

    def enter(self, key: str) -> None:
        self.one("#sign-in-key").clear()
        self.one("#sign-in-key").send_keys(key, Keys.ENTER)

    def go(self, section: str) -> None:
        next(link for link in self.find("nav a") if link.text == section).click()
        self.until(lambda: self.one(f"#{section.lower()}-view").is_displayed(), f"{section} does not show")

    def open(self, title: str) -> None:
        self.click("#chats a", title)
        self.until(lambda: self.one("#chat-title").text == title, f"{title} did not open")

    def positions(self) -> list[int]:
        return self.run("return [...document.querySelectorAll('#entries .seq')].map((e) => Number(e.textContent.replace(/\\D/g, '')))")

    def column(self, table: str, index: int) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map((row) => row.children[arguments[1]].innerText.trim())"
        return self.run(script, f"#{table} tr", index)

    def take_secret(self) -> str:
        """Returns the secret that shows, and closes its dialog; from then on, the page does not know it."""
        self.until(lambda: self.one("#secret").is_displayed(), "no secret shows")
        secret = self.one("#secret").get_attribute("value")
        self.is_accessible()
        self.click("#secret-dialog button", "Done")
        self.until(lambda: self.one("#secret").get_attribute("value") == "", "the page still knows the secret")
        assert not self.run("return document.documentElement.innerHTML.includes(arguments[0])", secret.split("_")[-1])
        return secret

    def shoot(self, name: str) -> None:
        super().shoot(f"admin-{name}")


@contextlib.contextmanager
def stream(server: Service, path: str, credential: str) -> Iterator[None]:
    """A client that opens a stream and reads none of it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server.port, timeout=SECONDS)
    connection.request("GET", path, headers={"Authorization": f"Bearer {credential}"})
    assert connection.getresponse().status == 200
    yield
    connection.close()


class Receiver(http.server.ThreadingHTTPServer):
    """Receives webhooks, and responds to all of them with the same status."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ReceivedRequest)
        self.status = 204
        self.events: list[dict] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def texts(self) -> list[str]:
        """The texts of the messages that arrived with a 2xx."""
        return [
            entry["message"]["text"] for event in self.events for entry in event.get("entries", []) if "message" in entry
        ]


class ReceivedRequest(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 204:
            self.server.events.append(event)
        self.send_response(self.server.status)
        # Without a click, a request that failed is not repeated during the check.
        self.send_header("Retry-After", "3600")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        yield receiver
        receiver.shutdown()


def status_of(server: Service, path: str, credential: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.server.port, timeout=SECONDS)
    status, _, _ = exchange(connection, "GET", path, None, {"Authorization": f"Bearer {credential}"})
    connection.close()
    return status


def logs_grow_through_a_crash(driver: Chrome) -> None:
    window = AdminWindow(driver)
    with service() as server:
        with server.caller() as call:
            for title in ("Quiet", "Busy"):
                call("POST", "/chats/", {"title": title})
            for number in range(1, 251):
                call("POST", "/chats/2/messages/", {"text": f"Message {number}"})
        driver.get(server.url("/admin"))
        window.open("Busy")
        assert [row.text for row in window.find("#chats .title")] == ["Busy", "Quiet"]
        window.until(lambda: window.positions() == list(range(151, 251)), "the last hundred entries are missing")
        for count in (200, 250):
            window.one("#earlier").click()
            window.until(lambda: window.positions() == list(range(251 - count, 251)), "earlier entries are missing")
        assert not window.one("#earlier").is_displayed()
        with server.caller() as call:
            call("PATCH", "/chats/2/messages/1", {"text": "Changed"})
            call("DELETE", "/chats/2/messages/2")
            call("PATCH", "/chats/2", {"title": "Busier"})
        window.until(lambda: window.positions()[-1] == 253, "the changes are missing")
        types = [entry.text for entry in window.find("#entries li:nth-last-child(-n+3) .type")]
        assert types == ["message.updated", "message.deleted", "chat.updated"], types
        assert window.one("#chat-title").text == "Busier"
        window.status_is("Live")
        server.server.kill()
        window.status_is("Offline, retrying…")
        server.start()
        window.status_is("Live")
        with server.caller() as call:
            call("POST", "/chats/2/messages/", {"text": "after"})
        window.until(lambda: window.positions() == list(range(1, 255)), "the log does not continue")
        assert window.one("#chat-position").text == "254"
        window.one("#search").send_keys("qui")
        window.until(lambda: [row.text for row in window.find("#chats .title")] == ["Quiet"], "the search finds too much")
        with server.caller() as call:
            call("DELETE", "/chats/2")
        window.until(lambda: window.one("#log-state").text == "The chat was deleted.", "the deletion does not show")
        window.is_quiet(without_server=True)


def keys_are_shown_once_and_revoked(driver: Chrome) -> None:
    window = AdminWindow(driver)
    with service(with_users=True) as server:
        page = server.url("/admin")
        own, reading = server.key("operator", "admin"), server.key("search", "read")
        driver.get(page)
        window.until(lambda: window.one("#sign-in-key").is_displayed(), "no form to sign in")
        window.is_accessible()
        window.enter("sk_unknown_" + "x" * 40)
        window.until(lambda: window.one("#sign-in-error").text == "The server does not know this key.", "it lets anyone in")
        window.enter(reading)
        window.until(lambda: "scope admin" in window.one("#sign-in-error").text, "it lets a key for reading in")
        window.sign_in(page, own)
        window.go("Keys")
        window.until(lambda: window.column("keys", 0) == ["search", "operator"], "the keys are missing")

        window.one("#new-key").click()
        window.is_accessible()
        window.one("#new-key-name").send_keys("weather")
        Select(window.one("#new-key-scope")).select_by_value("bot")
        window.one("#new-key-user").send_keys("not one", Keys.ENTER)
        window.until(lambda: window.one("#new-key-error").text != "", "an invalid user is accepted")
        window.one("#new-key-user").clear()
        window.one("#new-key-user").send_keys("rain", Keys.ENTER)
        made = window.take_secret()
        assert status_of(server, "/me", made) == 200
        window.until(lambda: window.column("keys", 0) == ["weather", "search", "operator"], "the new key is missing")
        assert window.column("keys", 1)[0] == "bot:rain"
        assert window.run("return [localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]

        window.one("[aria-label='Revoke weather']").click()
        window.is_accessible()
        window.one("#confirm-form .primary").click()
        window.until(lambda: window.column("keys", 5) == ["ValidRevoke", "ValidRevoke", "Revoked"], "the key is still valid")
        assert window.column("keys", 0) == ["search", "operator", "weather"]
        assert status_of(server, "/me", made) == 401

        window.one("[aria-label='Revoke operator']").click()
        assert "signed out" in window.one("#confirm-text").text
        window.one("#confirm-form .primary").click()
        window.until(lambda: window.one("#sign-in-error").text == "The server key was revoked.", "it stays signed in")
        window.is_quiet(without_server=True)


def a_reload_forgets_the_key(driver: Chrome) -> None:
    window = AdminWindow(driver)
    with service(with_users=True) as server:
        window.sign_in(server.url("/admin"), server.key("operator", "admin"))
        driver.refresh()
        window.until(lambda: window.one("#sign-in-key").is_displayed(), "the page still knows the key")
        assert window.one("#sign-in-key").get_attribute("value") == ""
        window.is_quiet()


def an_open_server_shows_all_but_changes_no_keys(driver: Chrome) -> None:
    window = AdminWindow(driver)
    with service() as server:
        key = server.key("operator", "admin")
        driver.get(server.url("/admin#/keys"))
        window.until(lambda: window.column("keys", 0) == ["operator"], "the keys are missing")
        assert window.column("keys", 5) == ["Valid"]
        assert not window.one("#new-key").is_displayed()
        window.one("#use-key").click()
        window.enter(key)
        window.until(lambda: window.one("#new-key").is_displayed(), "the key does not permit more")
        window.until(lambda: window.column("keys", 5) == ["ValidRevoke"], "the key cannot be revoked")
        assert window.column("keys", 4) == ["Now"]
        window.is_quiet()


def streams_name_their_clients(driver: Chrome) -> None:
    window = AdminWindow(driver)
    with service(with_users=True) as server:
        key, ada = server.key("operator", "admin"), server.token("ada", "Ada")
        with server.caller(ada) as call:
            call("POST", "/chats/", {"title": "Team"})
        window.sign_in(server.url("/admin"), key)
        window.go("Streams")
        window.until(lambda: window.one("#streams-state").text == "Nobody is listening right now.", "someone listens")
        with stream(server, "/chats/1/events", ada), stream(server, "/events", key):
            window.until(
                lambda: window.column("streams", 0) == ["ada", f"key {key.split('_')[1]}"],
                f"the streams are {window.column('streams', 0)}",
            )
            assert window.column("streams", 2) == ["127.0.0.1"] * 2
            assert window.one("#streams-facts").text == "2 open, 0 lagging."
        window.until(lambda: not window.find("#streams tr"), "the streams stay")
        window.go("Server")
        window.until(lambda: "SQLite" in window.one("#server").text, "the database is missing")
        window.is_quiet()


def webhooks_are_created_watched_and_deleted(driver: Chrome) -> None:
    window = AdminWindow(driver)
    with receiver() as target, service(with_users=True) as server:
        operator = server.key("operator", "admin")
        window.sign_in(server.url("/admin"), operator)
        window.go("Webhooks")
        window.until(lambda: window.one("#webhooks-state").text == "There are no webhooks yet.", "there are some")

        window.one("#new-webhook").click()
        window.is_accessible()
        window.one("#new-webhook-url").send_keys("ftp://127.0.0.1/", Keys.ENTER)
        window.until(lambda: "http or https URL" in window.one("#new-webhook-error").text, "any URL is accepted")
        window.one("#new-webhook-url").clear()
        window.one("#new-webhook-url").send_keys(target.url("/chats"))
        window.one("#new-webhook-form [value='message.created']").click()
        window.one("#new-webhook-offline").click()
        window.one("#new-webhook-chats").send_keys("1, ", Keys.ENTER)
        assert window.run("return document.querySelector('#new-webhook-chats').matches(':invalid')")
        window.one("#new-webhook-chats").clear()
        window.one("#new-webhook-form .primary").click()
        first = window.take_secret()
        window.until(lambda: window.column("webhooks", 0) == [target.url("/chats")], "the webhook is missing")
        assert window.column("webhooks", 2) == ["message.created"] and window.column("webhooks", 3) == ["All"]
        assert window.column("webhooks", 5) == ["Enabled"]

        window.one("#webhooks a").send_keys(Keys.ENTER)
        window.until(lambda: window.one("#webhook").is_displayed(), "the webhook does not open")
        assert driver.switch_to.active_element.text == target.url("/chats")
        assert "Names members who are offline." in window.one("#webhook-facts").text
        window.one("#test-webhook").click()
        window.until(lambda: "HTTP status 204" in window.one("#webhook-note").text, "the test does not arrive")
        assert [event["type"] for event in target.events] == ["webhook.test"]
        with server.caller(operator) as call:
            for title in ("Team", "Other"):
                call("POST", "/chats/", {"title": title})
            call("POST", "/chats/1/messages/", {"text": "one"})
            window.until(lambda: target.texts() == ["one"], "the message does not arrive")

            target.status = 503
            window.one("#test-webhook").click()
            window.until(lambda: window.one("#webhook-note").text.startswith("Not delivered"), "the failed test succeeds")
            assert "HTTP status 503" in window.one("#webhook-note").text
            call("POST", "/chats/1/messages/", {"text": "two"})
        window.until(lambda: window.column("failing", 4) == ["HTTP status 503"], "the failure does not show")
        window.is_accessible()
        target.status = 204
        window.one("[aria-label='Retry now: chat #1']").click()
        window.until(lambda: target.texts() == ["one", "two"], "the message is not repeated")
        window.until(lambda: not window.find("#failing tr"), "the failure stays")

        window.one("#replay-webhook").click()
        window.is_accessible()
        window.one("#replay-chat").send_keys("9", Keys.ENTER)
        window.until(lambda: window.one("#replay-error").text == "Chat not found.", "a chat is sent that does not exist")
        window.one("#replay-chat").clear()
        window.one("#replay-chat").send_keys("1", Keys.ENTER)
        window.until(lambda: target.texts() == ["one", "two", "one", "two"], "the chat is not sent again")

        window.one("#replace-webhook-secret").click()
        window.is_accessible()
        window.one("#confirm").click()
        assert window.take_secret() != first
        window.until(lambda: "Two secrets" in window.one("#webhook-facts").text, "the secret is not replaced")

        window.one("#switch-webhook").click()
        window.until(lambda: window.one("#switch-webhook").text == "Enable", "it is not disabled")
        window.click("#webhook a", "All webhooks")
        window.until(lambda: "disabled by request" in window.column("webhooks", 5)[0], "it is enabled")
        window.run("document.querySelector('#webhooks a').focus()")
        with server.caller(operator) as call:
            call("PATCH", "/webhooks/1", {"types": None})
        window.until(lambda: window.column("webhooks", 2) == ["All"], "the change does not show")
        driver.switch_to.active_element.send_keys(Keys.ENTER)
        window.until(lambda: window.one("#webhook").is_displayed(), "the row lost the focus when it changed")
        window.one("#switch-webhook").click()
        window.until(lambda: window.one("#switch-webhook").text == "Disable", "it is not enabled")

        window.one("#delete-webhook").click()
        assert window.one("#confirm-name").text == target.url("/chats")
        window.one("#confirm").click()
        window.until(lambda: window.one("#webhooks-state").text == "There are no webhooks yet.", "it is not deleted")
        window.is_quiet(without_server=True)


def text_stays_text(driver: Chrome) -> None:
    window = AdminWindow(driver)
    hostile = "<img src=x onerror=alert(1)>"
    # A URL cannot contain "<".
    url = f"http://127.0.0.1:1/{'x' * 1_900}?&lt;img&gt;'onerror=alert(1)"
    with service() as server:
        server.key(hostile, "read")
        with server.caller() as call:
            call("POST", "/webhooks", {"url": url})
            call("POST", "/chats/", {"title": hostile})
            call("POST", "/chats/1/messages/", {"text": hostile})
            call("POST", "/chats/1/messages/", {"text": "x" * 4_000})
        driver.get(server.url("/admin"))
        window.open(hostile)
        window.until(lambda: window.positions() == [1, 2], "the log is missing")
        assert window.one("#entries .text").text == hostile
        window.go("Keys")
        window.until(lambda: window.column("keys", 0) == [hostile], "the key is missing")
        window.go("Webhooks")
        window.click("#webhooks a", "/x")
        window.until(lambda: window.one("#webhook").is_displayed(), "the webhook does not open")
        assert window.one("#webhook-url").text == url
        assert not window.find("#app main img")
        width = window.run("return document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, f"the page is {width} pixels too wide"
        window.is_quiet()


def looks(driver: Chrome) -> None:
    """Takes screenshots of each section, and judges what a screen reader gets, in both color schemes."""
    window = AdminWindow(driver)
    with receiver() as target, service(with_users=True) as server:
        operator = server.key("operator", "admin")
        for name, scope in KEYS.items():
            server.key(name, scope)
        tokens = {user: server.token(user, name) for user, name in NAMES.items()}
        for token in tokens.values():
            with server.caller(token) as call:
                call("GET", "/me")
        with server.caller(tokens["ada"]) as call:
            for title in TITLES:
                call("POST", "/chats/", {"title": title, "members": ["ben", "eve"]})
            for text in LINES:
                call("POST", "/chats/1/messages/", {"text": text})
            call("PATCH", "/chats/1/messages/2", {"text": "Two tests are left."})
            call("DELETE", "/chats/1/messages/3")
            call("PATCH", "/chats/1", {"title": "Release planning"})
            call("PUT", "/chats/1/members/eve", {"role": "reader"})
        with server.caller(operator) as call:
            keys = call("GET", "/admin/keys")["keys"]
            call("DELETE", f"/admin/keys/{keys[-1]['id']}")
            for webhook in WEBHOOKS:
                call("POST", "/webhooks", {**webhook, "url": webhook["url"].replace("PORT", str(target.server_port))})
            call("PATCH", "/webhooks/3", {"enabled": False})
            call("POST", "/chats/2/messages/", {"text": "It has arrived, thank you."})
        with stream(server, "/chats/1/events", tokens["ada"]), stream(server, "/inbox", tokens["ben"]), \
                stream(server, "/events", operator):
            for scheme in ("light", "dark"):
                for form, size in {"desktop": DESKTOP, "phone": PHONE}.items():
                    window.emulate(scheme, size)
                    driver.get("about:blank")
                    driver.get(server.url("/admin"))
                    window.until(lambda: window.one("#sign-in-key").is_displayed(), "no form to sign in")
                    window.shoot(f"sign-in-{form}-{scheme}")
                    window.sign_in(server.url("/admin"), operator)
                    window.until(lambda: len(window.find("#chats li")) == len(TITLES), "the chats are missing")
                    window.is_accessible()
                    window.shoot(f"chats-{form}-{scheme}")
                    window.open("Release planning")
                    window.until(lambda: "Ben Okri" in window.one("#members").text, "the names are missing")
                    window.until(lambda: window.positions()[-1:] == [len(LINES) + 6], "the log is incomplete")
                    window.is_accessible()
                    window.shoot(f"chat-{form}-{scheme}")
                    for section, ready in SECTIONS.items():
                        window.go(section)
                        window.until(lambda: window.find(ready), f"{section} is empty")
                        window.is_accessible()
                        window.shoot(f"{section.lower()}-{form}-{scheme}")
                        width = window.run("return document.documentElement.scrollWidth - innerWidth")
                        assert width <= 0, f"{section} is {width} pixels too wide"
                    window.go("Webhooks")
                    window.one("#new-webhook").click()
                    window.shoot(f"new-webhook-{form}-{scheme}")
                    window.click("#new-webhook-form button", "Cancel")
                    window.click("#webhooks a", "search.example")
                    window.until(lambda: window.find("#failing tr"), "the webhook does not open")
                    # The check for accessibility scrolls.
                    window.shoot(f"webhook-{form}-{scheme}")
                    window.is_accessible()
                    window.go("Keys")
                    window.one("#new-key").click()
                    window.shoot(f"new-key-{form}-{scheme}")
        window.is_quiet()


KEYS = {"billing": "post", "search": "read", "weather": "bot:rain", "billing 2025": "post"}
NAMES = {"ada": "Ada Lovelace", "ben": "Ben Okri", "eve": "Eve"}
TITLES = ["Releases", "Support: order 2024-117", "مرحبا بالجميع", "Lunch", "Supercalifragilisticexpialidocious " * 4]
LINES = [
    "Good morning! Are we still on track for Friday?", "Yes. Two tests are left, then I tag it.", "Wrong chat, sorry.",
    "I can take the release notes: https://example.com/release-notes", "A draft by noon?",
    "Perfect. I'll pull the plug on the staging server at two, and we see who notices. Nobody should: every client "
    "resumes after its last position, and each message is posted once.", "أهلاً بك", "That is the point 😄",
]

# The domain example is reserved, so no such host is found.
WEBHOOKS = [
    {"url": "http://127.0.0.1:PORT/chat-events", "with": ["offline"]},
    {"url": "https://search.example/index?source=chat", "types": ["message.created", "message.updated", "message.deleted"]},
    {"url": "http://127.0.0.1:PORT/moderation", "types": ["message.created"], "chats": [1, 2, 4]},
]
SECTIONS = {
    "Streams": "#streams tr", "Webhooks": "#webhooks .bad", "Keys": "#keys tr", "Server": "#server li",
}

CHECKS = [
    logs_grow_through_a_crash, keys_are_shown_once_and_revoked, a_reload_forgets_the_key,
    an_open_server_shows_all_but_changes_no_keys, streams_name_their_clients, webhooks_are_created_watched_and_deleted,
    text_stays_text, looks,
]

if __name__ == "__main__":
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    sys.exit(run(CHECKS, failures=SCREENSHOTS))
