#!/usr/bin/env python3
"""The page /chat when what it shows is gone and comes back: chats, drafts, sessions, and a server behind a failing proxy.

    python3 -m Checks.Browser.recovery [SCREENSHOT_FOLDER]

Needs what Checks/Browser/chat.py needs. Ends with a line `N passed, M failed`.
"""
import sys
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from Checks.Browser.chat import ChatWindow
from Checks.Browser.docs import run
from Checks.Browser.window import SCREENSHOTS, Service, service


def empty_database(server: Service) -> None:
    """Starts the server anew, as if it had never run."""
    server.server.stop()
    for file in Path(server.folder).iterdir():
        file.unlink()
    server.start()


def chat_opens_once_one_is_a_member(driver: Chrome) -> None:
    ben = ChatWindow(driver)
    with service(with_users=True) as server:
        tokens = {user: server.token(user, user.capitalize()) for user in ("ada", "ben")}
        with server.caller(tokens["ada"]) as call:
            call("POST", "/chats/", {"title": "Team"})
            call("POST", "/chats/1/messages/", {"text": "Welcome"})
            driver.get(f"{server.url('/chat')}#token={tokens['ben']}")
            ben.status_is("Live")
            ben.run("location.hash = '#/chats/1'")
            ben.until(lambda: ben.one("#log-state").text == "Chat not found", "the chat of others opens")
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


CHECKS = [chat_opens_once_one_is_a_member, chat_opens_after_the_database_was_emptied]

if __name__ == "__main__":
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    sys.exit(run(CHECKS, failures=SCREENSHOTS))
