#!/usr/bin/env python3
"""Chats on the page /chat in real browsers: two windows, a server that is killed between them, a network that goes away,
a long history, many chats, hostile and long texts, rejected messages, replies that grow, other sessions, a chat in
another page, the keyboard alone, and what a screen reader needs.

    python3 -m Checks.Browser.chat [SCREENSHOT_FOLDER]

Needs Debian's chromium and chromium-driver, and the packages of requirements.txt. The server is .build/release/chat-api
(or CHAT_API). Ends with a line `N passed, M failed`.
"""
import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from Checks.Browser.access import Page
from Checks.Browser.docs import browser, run
from Checks.Browser.window import DESKTOP, PHONE, SCREENSHOTS, Service, Window, service


class ChatWindow(Window):
    """A browser window with the page."""

    def texts(self) -> list[str]:
        """The texts of the messages in the log, also of those far from the screen."""
        return self.run("return [...document.querySelectorAll('#messages .bubble')].map((e) => e.lastChild.textContent)")

    def distance_from_end(self) -> float:
        """How many pixels of the log are below the screen."""
        return self.run(
            "const log = document.getElementById('log'); return log.scrollHeight - log.scrollTop - log.clientHeight"
        )

    def sign_in(self, page: str, name: str) -> None:
        self.driver.get(page)
        self.until(lambda: self.one("#sign-in-value").is_displayed(), "no form to sign in")
        self.one("#sign-in-value").send_keys(name, Keys.ENTER)
        self.until(lambda: self.one("#app").is_displayed(), "not signed in")

    def open(self, title: str) -> None:
        self.click("#chats a", title)
        self.until(lambda: self.one("#chat-title").text == title, f"{title} did not open")
        self.until(lambda: self.one("#log-state").text != "Loading…", f"{title} did not load")

    def create(self, title: str) -> None:
        self.one("#new-chat").click()
        self.one("#new-chat-title").send_keys(title, Keys.ENTER)
        self.until(lambda: self.one("#chat-title").text == title, "the new chat did not open")

    def send(self, text: str) -> None:
        self.one("#draft").send_keys(text, Keys.ENTER)

    def write(self, text: str) -> None:
        """Puts a text into the composer, as pasting it would."""
        self.run(
            "const draft = document.getElementById('draft'); draft.value = arguments[0]; draft.focus();"
            "draft.dispatchEvent(new Event('input', { bubbles: true }))", text,
        )

    def press(self, selector: str, text: str) -> None:
        """Presses Enter on the first button that contains a text."""
        next(button for button in self.find(selector) if text in button.text).send_keys(Keys.ENTER)

    def focus_is_on(self, selector: str) -> None:
        script = "return document.activeElement.matches(arguments[0])"
        self.until(lambda: self.run(script, selector), f"the focus is not on {selector}")

    def shows(self, *texts: str) -> None:
        self.until(lambda: self.texts() == list(texts), f"the log has {self.texts()}, not {texts}")

    def reject_messages(self, is_rejected: bool) -> None:
        """Answers messages as the server does if one's role is too low, or as it does."""
        self.run(
            """
            window.serverFetch ??= window.fetch;
            const refused = { code: 'forbidden', detail: 'You may not do this' };
            const isMessage = (url, options) => options?.method === 'POST' && String(url).endsWith('/messages/');
            window.fetch = async (url, options) =>
                arguments[0] && isMessage(url, options) ? Response.json(refused, { status: 403 }) : serverFetch(url, options);
            """, is_rejected,
        )

    def shoot(self, name: str) -> None:
        super().shoot(f"chat-{name}")


@contextlib.contextmanager
def second_window(size: tuple[int, int] = DESKTOP) -> Iterator[ChatWindow]:
    driver = browser()
    try:
        yield ChatWindow(driver, size)
    finally:
        driver.quit()


def two_windows_chat(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service() as server, second_window() as ben:
        ada.sign_in(server.url("/chat"), "Ada")
        ada.is_accessible()
        ada.create("Lunch")
        ben.sign_in(server.url("/chat"), "Ben")
        ben.open("Lunch")
        ada.send("At noon?")
        ben.shows("At noon?")
        ben.one("#draft").send_keys("Ye")
        ada.until(lambda: ada.one("#typing").text == "Ben is typing…", "Ada does not see that Ben is typing")
        ben.send("s!")
        ada.shows("At noon?", "Yes!")
        assert ada.one("#typing").text == ""
        own = [message.get_attribute("class") for message in ada.find("#messages .message")]
        assert ["own" in names for names in own] == [True, False], own
        with server.caller() as call:
            for number in range(100):
                call("POST", "/chats/1/messages/", {"text": f"Burst {number}"})
        ada.until(lambda: ada.texts()[-1] == "Burst 99", "the burst is missing")
        ada.until(
            lambda: ada.distance_from_end() < 2,
            "the log does not follow its end",
        )
        ada.shoot("two-windows")
        ada.is_quiet()
        ben.is_quiet()


@contextlib.contextmanager
def conversation(driver: Chrome, title: str) -> Iterator[tuple[Service, ChatWindow, ChatWindow]]:
    """Ada's and Ben's windows, in the same chat of an open server."""
    ada = ChatWindow(driver)
    with service() as server, second_window() as ben:
        ada.sign_in(server.url("/chat"), "Ada")
        ada.create(title)
        ben.sign_in(server.url("/chat"), "Ben")
        ben.open(title)
        yield server, ada, ben


def server_killed_between_windows(driver: Chrome) -> None:
    with conversation(driver, "Through a crash") as (server, ada, ben):
        ada.send("before")
        ben.shows("before")
        server.server.kill()
        for window in (ada, ben):
            window.status_is("Offline, retrying…")
        ada.send("during 1")
        ada.send("during 2")
        ada.until(lambda: len(ada.find("#outbox .pending")) == 2, "unsent messages do not show")
        ada.shoot("offline")
        server.start()
        for window in (ada, ben):
            window.shows("before", "during 1", "during 2")
            window.status_is("Live")
        assert not ada.find("#outbox .pending")
        ben.send("after")
        for window in (ada, ben):
            window.shows("before", "during 1", "during 2", "after")
            window.is_quiet(without_server=True)


def network_away_and_plug_pulled(driver: Chrome) -> None:
    with conversation(driver, "Tunnel") as (_, ada, ben):
        ada.driver.set_network_conditions(offline=True, latency=0, throughput=1_000_000)
        ada.send("from the tunnel")
        ben.send("from outside")
        ben.shows("from outside")
        ada.until(lambda: len(ada.find("#outbox .pending")) == 1, "the unsent message does not show")
        ada.driver.delete_network_conditions()
        for window in (ada, ben):
            window.shows("from outside", "from the tunnel")
        ada.one("#plug").click()
        ada.send("without a plug")
        ben.send("with one")
        assert not ada.one("#plug").is_enabled()
        for window in (ada, ben):
            window.shows("from outside", "from the tunnel", "with one", "without a plug")
        ada.until(lambda: ada.one("#plug").is_enabled(), "the plug stays out")
        ada.is_quiet(without_server=True)


def ten_thousand_messages(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service() as server:
        with server.caller() as call:
            call("POST", "/chats/", {"title": "Long"})
            for number in range(1, 10_001):
                call("POST", "/chats/1/messages/", {"text": f"Message {number}", "metadata": {"name": f"P{number // 7 % 5}"}})
        ada.sign_in(server.url("/chat"), "Ada")
        ada.open("Long")
        ada.until(lambda: ada.texts()[-1] == "Message 10000", "the newest message is missing")
        end = ada.distance_from_end()
        assert end < 2, f"the log is {end} pixels from its end"
        while ada.one("#log-start").text != "This is where the chat starts.":
            # What is on the screen stays there when an older page comes.
            count, moved = driver.execute_async_script(
                """
                const done = arguments[arguments.length - 1];
                const frame = () => new Promise(requestAnimationFrame);
                const messages = document.getElementById('messages');
                const count = messages.children.length;
                const first = messages.firstElementChild;
                const top = () => first.querySelector('.bubble').getBoundingClientRect().top;
                (async () => {
                    document.getElementById('log').scrollTop = 0;
                    let before;
                    while (messages.children.length === count) {
                        before = top();
                        await frame();
                    }
                    await frame();
                    await frame();
                    done([messages.children.length - count, top() - before]);
                })();
                """
            )
            assert count > 0 and abs(moved) < 3, f"{count} older messages moved what is on the screen by {moved} pixels"
        assert ada.texts() == [f"Message {number}" for number in range(1, 10_001)]
        ada.send("after all")
        ada.until(lambda: ada.texts()[-1] == "after all", "the new message is missing")
        ada.is_quiet()


def text_stays_text(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    hostile = [
        "<script>document.title = 'broken'</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)",
        "https://example.com/a?b=<c>", "\u202egnihtyna\u202c", "x" * 4_000,
    ]
    with service() as server:
        with server.caller() as call:
            call("POST", "/chats/", {"title": "<b>bold</b>"})
            for text in hostile:
                call("POST", "/chats/1/messages/", {"text": text, "metadata": {"name": "<i>Eve</i>"}})
        ada.sign_in(server.url("/chat"), "Ada")
        ada.open("<b>bold</b>")
        ada.shows(*hostile)
        assert "broken" not in driver.title
        assert not ada.find("#messages script, #messages img, #chat b, #chat i")
        links = [link.get_attribute("href") for link in ada.find("#messages a")]
        assert links == ["https://example.com/a?b="], links
        width = ada.run("return document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, f"the page is {width} pixels too wide"
        ada.is_quiet()


def users_with_tokens(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service(with_users=True) as server, second_window(PHONE) as ben:
        tokens = server.tokens("ada", "ben")
        ada.driver.get(server.url("/chat"))
        ada.until(lambda: ada.one("#sign-in-value").is_displayed(), "no form to sign in")
        ada.one("#sign-in-value").send_keys("not a token", Keys.ENTER)
        ada.until(lambda: ada.one("#sign-in-error").text != "", "a wrong token is accepted")
        ada.one("#sign-in-value").clear()
        ada.one("#sign-in-value").send_keys(tokens["ada"], Keys.ENTER)
        ada.until(lambda: ada.one("#app").is_displayed(), "not signed in")
        ada.one("#new-chat").click()
        ada.one("#new-chat-title").send_keys("Team")
        ada.one("#new-chat-members").send_keys("ben", Keys.ENTER)
        ada.until(lambda: ada.one("#chat-title").text == "Team", "the new chat did not open")
        ada.send("Welcome, Ben")
        ada.shows("Welcome, Ben")

        ben.driver.get(f"{server.url('/chat')}#token={tokens['ben']}")
        ben.until(lambda: [badge.text for badge in ben.find("#chats .badge")] == ["1"], "Ben has no unread message")
        assert "token" not in ben.driver.current_url
        assert ben.driver.title == "(1) Chat · Ben"
        ben.is_accessible()
        ben.shoot("list-on-a-phone")
        ben.open("Team")
        assert len(ben.find("#messages .first-unread")) == 1
        ben.one("#back").click()
        ben.until(lambda: not ben.find("#chats .badge"), "the message stays unread")
        ben.open("Team")

        # Replies, edits and deletions show in both windows.
        ben.run("document.querySelector('#messages .message').focus()")
        ben.one("#messages .message .actions button").click()
        assert ben.one("#draft-label").text == "Reply to Ada: Welcome, Ben"
        ben.send("Thank you")
        ada.shows("Welcome, Ben", "Thank you")
        assert ada.one("#messages blockquote").text.splitlines() == ["Ada", "Welcome, Ben"]
        ada.run("document.querySelector('#messages .own').focus()")
        next(button for button in ada.find("#messages .own button") if button.text == "Edit").click()
        ada.send("!")
        ben.shows("Welcome, Ben!", "Thank you")
        assert ben.one("#messages blockquote").text.splitlines() == ["Ada", "Welcome, Ben!"], "the quote is old"
        assert "edited" in ben.one("#messages .notes").text
        ben.run("document.querySelector('#messages .own').focus()")
        delete = next(button for button in ben.find("#messages .own button") if button.text == "Delete")
        delete.click()
        assert delete.text == "Really delete?"
        delete.click()
        ada.shows("Welcome, Ben!", "This message was deleted.")

        # A message that the server rejects stays, and can be sent again once it may be.
        with server.caller(tokens["ada"]) as call:
            ben.driver.set_network_conditions(offline=True, latency=0, throughput=1_000_000)
            ben.send("May I?")
            call("PUT", "/chats/1/members/ben", {"role": "reader"})
            ben.until(lambda: not ben.one("#composer").is_displayed(), "a reader can write")
            assert ben.one("#read-only").text == "You may only read this chat."
            assert not [button for button in ben.find("#messages .actions button") if button.is_displayed()]
            ben.driver.delete_network_conditions()
            ben.until(lambda: ben.find("#outbox .failed"), "the rejected message does not show")
            assert ben.one("#outbox .failed .notes span").text == "Not sent: You may only read this chat."
            ben.is_accessible()
            ben.shoot("rejected")
            call("PUT", "/chats/1/members/ben", {"role": "member"})
            ben.until(lambda: ben.one("#composer").is_displayed(), "a member cannot write")
            # A member may not add or remove others.
            ben.one("#show-members").click()
            ben.until(lambda: len(ben.find("#members .name")) == 2, "the members are missing")
            assert not ben.find("#members button") and not ben.one("#new-member").is_displayed()
            ben.click("#members-dialog button", "Close")
            next(button for button in ben.find("#outbox button") if button.text == "Try again").click()
            ada.shows("Welcome, Ben!", "This message was deleted.", "May I?")
            ben.until(lambda: not ben.find("#outbox .pending"), "the message that was sent again stays")
            call("DELETE", "/chats/1/members/ben")
        ben.until(lambda: "no longer a member" in ben.one("#log-state").text, "Ben does not learn of the removal")
        assert not ben.one("#composer").is_displayed()
        with server.caller(tokens["ada"]) as call:
            call("PUT", "/chats/1/members/ben", {"role": "member"})
            ben.until(lambda: ben.one("#composer").is_displayed(), "Ben is not back")
            call("DELETE", "/chats/1/members/ben")
        ben.until(lambda: "no longer a member" in ben.one("#log-state").text, "Ben does not learn of the second removal")
        ada.one("#show-members").click()
        ada.until(lambda: [name.text for name in ada.find("#members .name")] == ["Ada"], "the members are wrong")
        ada.is_accessible()
        ben.is_quiet(without_server=True)


def session_ends_with_the_token(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service(with_users=True) as server:
        ada.driver.get(f"{server.url('/chat')}#token={server.token('ada', 'Ada')}")
        ada.until(lambda: ada.one("#app").is_displayed(), "not signed in")
        ada.create("Team")
        ada.send("before")
        ada.shows("before")
        ada.driver.set_network_conditions(offline=True, latency=0, throughput=1_000_000)
        ada.send("waits")
        with server.caller(server.key("check", "admin")) as call:
            call("POST", "/users/ada/revoke")
        ada.driver.delete_network_conditions()
        ada.until(lambda: ada.one("#sign-in-error").text != "", "the page does not ask for another token")
        assert ada.one("#sign-in-error").text == "Your session has ended. Sign in again."
        time.sleep(1 - time.time() % 1)  # A token counts as revoked in the second of the revocation.
        ada.one("#sign-in-value").send_keys(server.token("ada", "Ada"), Keys.ENTER)
        ada.open("Team")
        # The message has failed if it was sent with the revoked token.
        ada.until(lambda: len(ada.find("#outbox .failed")) + len(ada.texts()) == 2, "the unsent message is gone")
        ada.run("document.querySelector('#outbox .failed button')?.click()")
        ada.shows("before", "waits")


def more_chats_than_a_page(driver: Chrome) -> None:
    for with_users in (False, True):
        ada = ChatWindow(driver)
        with service(with_users) as server:
            token = server.token("ada", "Ada") if with_users else None
            with server.caller(token) as call:
                for number in range(250):
                    call("POST", "/chats/", {"title": f"Chat {number}"})
            if token:
                driver.get(f"{server.url('/chat')}#token={token}")
            else:
                ada.sign_in(server.url("/chat"), "Ada")

            def titles() -> list[str]:
                return ada.run("return [...document.querySelectorAll('#chats .title')].map((e) => e.textContent)")

            def reaches_the_end() -> bool:
                ada.run("document.getElementById('chats').scrollTop = 1e6")
                return len(titles()) == 250

            ada.until(lambda: titles(), "there are no chats")
            assert len(titles()) == 100, f"{len(titles())} chats at first"
            ada.until(reaches_the_end, "the list ends before its last chat")
            assert titles() == [f"Chat {number}" for number in reversed(range(250))]
            # The next poll does not shorten the list again.
            with server.caller(token) as call:
                call("POST", "/chats/1/messages/", {"text": "Hello!"})
            ada.until(lambda: titles()[0] == "Chat 0", "the chat with a new message is not first")
            assert len(titles()) == 250
            ada.open("Chat 0")
            ada.is_quiet(without_server=True)


def without_a_mouse(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service(with_users=True) as server:
        tokens = server.tokens("ada", "ben", "cleo", "dora")
        with server.caller(tokens["ada"]) as call:
            call("POST", "/chats/", {"title": "Empty"})
            call("POST", "/chats/", {"title": "Team", "members": ["ben", "cleo", "dora"]})
        ada.driver.get(f"{server.url('/chat')}#token={tokens['ada']}")
        ada.until(lambda: len(ada.find("#chats a")) == 2, "the chats are missing")
        ada.one("#chats a").send_keys(Keys.ENTER)
        ada.focus_is_on("#draft")

        # The row that is focused keeps the focus when another chat comes before it, and passes it on when it is removed.
        ada.run("document.querySelector('#chats a').focus()")
        with server.caller(tokens["ada"]) as call:
            call("POST", "/chats/1/messages/", {"text": "Hello!"})
        ada.until(lambda: ada.one("#chats .title").text == "Empty", "the order is old")
        ada.focus_is_on("#chats li:nth-child(2) a")
        ada.run("document.querySelector('#chats li:first-child a').focus()")
        with server.caller(tokens["ada"]) as call:
            call("DELETE", "/chats/1")
        ada.until(lambda: len(ada.find("#chats a")) == 1, "the deleted chat is still there")
        ada.focus_is_on("#chats li a")

        # A member who is removed passes the focus on to the next, or the previous, or the field for another.
        ada.one("#show-members").send_keys(Keys.ENTER)
        ada.until(lambda: len(ada.find("#members button")) == 3, "the members are missing")
        for index, neighbor in ((1, "Remove dora"), (1, "Remove ben"), (0, None)):
            ada.find("#members button")[index].send_keys(Keys.ENTER)
            ada.focus_is_on(f"[aria-label='{neighbor}']" if neighbor else "#new-member")
        ada.one("#new-member").send_keys(Keys.ESCAPE)
        ada.focus_is_on("#show-members")

        with server.caller(tokens["ada"]) as call:
            call("POST", "/chats/2/members", {"users": ["ben"]})
            call("PUT", "/chats/2/members/ben", {"role": "owner"})
        ada.send("kept")
        ada.send("deleted")
        ada.shows("kept", "deleted")
        # A message that is deleted takes the focus from its button.
        ada.run(
            "const button = [...document.querySelectorAll('#messages .message:last-child button')].at(-1);"
            "button.closest('.message').focus(); button.focus(); button.click(); button.click()"
        )
        ada.shows("kept", "This message was deleted.")
        ada.focus_is_on("#messages .message:last-child")

        # A failed message that is discarded or sent again passes the focus on to its neighbor, or to the composer.
        ada.reject_messages(True)
        for text in ("one", "two", "three"):
            ada.send(text)
        ada.until(lambda: len(ada.find("#outbox .failed")) == 3, "the messages do not fail")
        ada.press("#outbox .failed:nth-child(2) button", "Discard")
        ada.focus_is_on("#outbox .failed:nth-child(2) button")
        ada.press("#outbox .failed:nth-child(2) button", "Discard")
        ada.focus_is_on("#outbox .failed:nth-child(1) button")
        ada.press("#outbox .failed button", "Try again")
        ada.focus_is_on("#draft")
        ada.until(lambda: ada.find("#outbox .failed"), "the message does not fail again")
        ada.press("#outbox .failed button", "Discard")
        ada.focus_is_on("#draft")

        # What is rejected can be written anew, in front of what is written already.
        ada.run("document.querySelector('#messages .message').focus()")
        ada.click("#messages .actions button", "Reply")
        ada.send("rejected")
        ada.until(lambda: ada.find("#outbox .failed"), "the message does not fail")
        ada.is_accessible()
        ada.one("#draft").send_keys("next")
        ada.press("#outbox .failed button", "Edit")
        ada.focus_is_on("#draft")
        assert ada.one("#draft").get_property("value") == "rejected\n\nnext"
        assert ada.one("#draft-label").text == "Reply to Ada: kept"
        assert not ada.find("#outbox .message")
        ada.press("#draft-context button", "Cancel")
        ada.focus_is_on("#draft")
        ada.write("")

        # A chat that is over has no composer.
        with server.caller(tokens["ben"]) as call:
            call("DELETE", "/chats/2/members/ada")
        ada.until(lambda: not ada.one("#composer").is_displayed(), "Ada does not learn of the removal")
        ada.focus_is_on("#log")
        ada.is_quiet(without_server=True)


def phone_back_to_the_list(driver: Chrome) -> None:
    ada = ChatWindow(driver, PHONE)
    with service() as server:
        with server.caller() as call:
            for number in range(50):
                call("POST", "/chats/", {"title": f"Chat {number}"})
        ada.emulate("light", PHONE)
        ada.sign_in(server.url("/chat"), "Ada")
        ada.until(lambda: len(ada.find("#chats a")) == 50, "the chats are missing")
        ada.open("Chat 0")
        # Nobody has asked for the keyboard on the screen.
        assert not ada.run("return document.activeElement.matches('#draft')")
        ada.one("#back").click()
        ada.focus_is_on("#chats a[href='#/chats/1']")


def too_long_a_text(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service() as server:
        ada.sign_in(server.url("/chat"), "Ada")
        ada.create("Novel")
        ada.write("x" * 4_499)
        assert ada.one("#draft-count").text == ""
        # A character that takes two units in UTF-16 is one, and the space around a text does not count.
        ada.write("😀" * 4_500 + " ")
        assert ada.one("#draft-count").text == "4,500 of 5,000 characters"
        ada.is_accessible()
        ada.write("😀" * 30_000)
        ada.one("#draft").send_keys(Keys.ENTER)
        assert ada.one("#draft-error").text == "A message has at most 5,000 characters. Shorten this one by 25,000."
        assert len(ada.one("#draft").get_property("value")) == 30_000
        assert not ada.find("#outbox .message")
        ada.is_accessible()
        ada.shoot("too-long")
        ada.write("😀" * 5_000)
        assert ada.one("#draft-error").text == ""
        ada.one("#draft").send_keys(Keys.ENTER)
        ada.shows("😀" * 5_000)
        assert ada.one("#draft-count").text == ""
        ada.run("document.querySelector('#messages .own').focus()")
        ada.click("#messages .own button", "Edit")
        assert ada.one("#draft-count").text == "5,000 of 5,000 characters"
        ada.one("#draft").send_keys("!", Keys.ENTER)
        assert ada.one("#draft-error").text == "A message has at most 5,000 characters. Shorten this one by 1."
        # Another program may have left such a message here.
        ada.run(
            "sessionStorage.setItem('chat/Ada/outbox', JSON.stringify([{ chatID: 1, text: 'x'.repeat(5001), key: 'long',"
            " replyTo: null, metadata: null, status: 'pending', error: null }]))"
        )
        driver.refresh()
        ada.until(lambda: ada.find("#outbox .failed"), "the message does not fail")
        assert ada.one("#outbox .notes span").text == "Not sent: This is too long: 5,000 characters are the maximum."
        ada.is_quiet(without_server=True)


def another_session(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service(with_users=True) as server:
        page, tokens = server.url("/chat"), server.tokens("ada", "ben")

        def is_signed_in(name: str) -> None:
            ada.until(lambda: ada.one("#own-name").text == name, f"{name} is not signed in")

        # A link signs in on the page that is open already: with the form, and in a session.
        driver.get(page)
        ada.until(lambda: ada.one("#sign-in-value").is_displayed(), "no form to sign in")
        ada.run("location.hash = arguments[0]", "#token=wrong")
        ada.until(lambda: "does not accept" in ada.one("#sign-in-error").text, "a wrong token is accepted")
        for user in ("ada", "ben", "ada"):
            ada.run("location.hash = arguments[0]", f"#token={tokens[user]}")
            is_signed_in(user.capitalize())
            assert "token" not in driver.current_url
        ada.create("Team")

        # Nothing that is unsent is lost without a question.
        driver.set_network_conditions(offline=True, latency=0, throughput=1_000_000)
        ada.send("one")
        ada.one("#sign-out").click()
        ada.until(lambda: ada.one("#unsent-dialog").is_displayed(), "nothing asks")
        assert ada.one("#unsent-text").text == "One message is not sent yet. If you sign out, it is lost."
        ada.is_accessible()
        ada.shoot("unsent")
        ada.one("#unsent-dialog").send_keys(Keys.ESCAPE)
        ada.send("two")
        address = driver.current_url
        ada.run("location.hash = arguments[0]", f"#token={tokens['ben']}")
        ada.until(lambda: ada.one("#unsent-dialog").is_displayed(), "nothing asks")
        assert ada.one("#unsent-text").text == "2 messages are not sent yet. If you sign out, they are lost."
        ada.click("#unsent-dialog button", "Stay")
        assert driver.current_url == address
        driver.delete_network_conditions()
        ada.shows("one", "two")
        ada.until(lambda: not ada.find("#outbox .pending"), "unsent messages stay")
        ada.one("#sign-out").click()
        ada.until(lambda: ada.one("#sign-in-value").is_displayed(), "not signed out")
        ada.one("#sign-in-value").send_keys(tokens["ada"], Keys.ENTER)
        ada.open("Team")
        ada.one("#plug").click()
        ada.send("lost")
        ada.run("location.hash = arguments[0]", f"#token={tokens['ben']}")
        ada.click("#unsent-dialog button", "Sign out")
        is_signed_in("Ben")
        assert "lost" not in ada.run("return JSON.stringify({ ...sessionStorage })")
        ada.is_quiet(without_server=True)


def dialogs_show_names_and_close(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service(with_users=True) as server:
        tokens = {user: server.token(user, f"{user.capitalize()} {'Wordsthatneverend' * 2}") for user in ("ada", "ben")}
        for token in tokens.values():
            with server.caller(token) as call:
                call("GET", "/me")
        with server.caller(tokens["ada"]) as call:
            call("POST", "/chats/", {"title": "Team", "members": ["ben"]})
            call("PUT", "/chats/1/members/ben", {"role": "moderator"})
        driver.get(f"{server.url('/chat')}#token={tokens['ada']}")
        ada.open("Team")
        ada.one("#show-members").click()
        ada.until(
            lambda: [name.text.split()[0] for name in ada.find("#members .name")] == ["Ada", "Ben"], "the names are missing"
        )
        assert ada.one("#members button").get_attribute("aria-label").startswith("Remove Ben ")
        tops = [ada.run("return arguments[0].getBoundingClientRect().top", row) for row in ada.find("#members li")]
        bottom = ada.run("return arguments[0].getBoundingClientRect().bottom", ada.find("#members .name")[0])
        assert bottom <= tops[1], "the names overlap"
        roles = {ada.run("return arguments[0].getBoundingClientRect().left", role) for role in ada.find("#members .role")}
        assert len(roles) == 1, f"the roles are at {roles}"
        ada.shoot("members")
        ada.one("#new-member").send_keys("no spaces", Keys.ENTER)
        ada.until(lambda: ada.one("#members-error").text != "", "a wrong ID is accepted")
        assert ada.one("#members-error").text == "A user ID has no spaces, and only ASCII characters."
        driver.back()
        ada.until(lambda: not ada.one("#chat").is_displayed(), "the chat stays open")
        assert not ada.one("#members-dialog").is_displayed()


def asks_before_one_leaves_or_deletes(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service(with_users=True) as server:
        tokens = server.tokens("ada", "ben")
        with server.caller(tokens["ben"]) as call:
            call("POST", "/chats/", {"title": "Team", "members": ["ada"]})
            call("PUT", "/chats/1/members/ada", {"role": "moderator"})
        driver.get(f"{server.url('/chat')}#token={tokens['ada']}")
        ada.open("Team")
        ada.send("kept")
        ada.shows("kept")
        ada.run("document.querySelector('#messages .own').focus()")
        delete = next(button for button in ada.find("#messages .own button") if button.text == "Delete")
        delete.click()
        assert delete.text == "Really delete?"
        # The buttons are next to the message, which they do not cover.
        gap = ada.run(
            "const [bubble, actions] = ['.bubble', '.actions'].map((part) => document.querySelector(`#messages .own ${part}`));"
            "return bubble.getBoundingClientRect().left - actions.getBoundingClientRect().right"
        )
        assert 0 <= gap < 16, f"the buttons are {gap} pixels from the message"
        # Elsewhere, or later, the question is forgotten.
        delete.send_keys(Keys.TAB)
        ada.until(lambda: delete.get_property("textContent") == "Delete", "the question stays")
        ada.run("document.querySelector('#messages .own').focus()")
        delete.click()
        ada.until(lambda: delete.get_property("textContent") == "Delete", "the question stays")
        ada.shows("kept")
        ada.one("#show-members").click()
        leave = ada.one("#leave")
        leave.click()
        assert leave.text == "Really leave?"
        ada.one("#new-member").click()
        ada.until(lambda: leave.text == "Leave the chat", "the question stays")
        leave.click()
        leave.click()
        ada.until(lambda: not ada.find("#chats a"), "Ada does not leave")
        assert not ada.one("#chat").is_displayed()


def quotes_lead_to_the_message(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service() as server:
        with server.caller() as call:
            call("POST", "/chats/", {"title": "Team"})
            call("POST", "/chats/1/messages/", {"text": "Question"})
            for number in range(40):
                call("POST", "/chats/1/messages/", {"text": f"Noise {number}"})
            call("POST", "/chats/1/messages/", {"text": "Answer", "reply_to": 1})
        ada.sign_in(server.url("/chat"), "Ada")
        ada.open("Team")
        ada.one("#messages blockquote button").send_keys(Keys.ENTER)
        ada.focus_is_on("#messages .message:first-child")
        ada.is_accessible()


def screen_reader_hears_new_messages_only(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service() as server:
        with server.caller() as call:
            call("POST", "/chats/", {"title": "Team"})
            for number in range(150):
                call("POST", "/chats/1/messages/", {"text": f"Old {number}"})
        ada.sign_in(server.url("/chat"), "Ada")
        ada.run(
            "const log = document.getElementById('messages'); window.heard = [];"
            "new MutationObserver((changes) => {"
            " for (const { target, addedNodes } of changes)"
            "  if (target === log && log.ariaLive === 'polite') window.heard.push(...[...addedNodes].map((e) => e.textContent));"
            "}).observe(log, { childList: true })"
        )
        ada.open("Team")
        ada.run("document.getElementById('log').scrollTop = 0")
        ada.until(lambda: len(ada.texts()) == 150, "the older messages are missing")
        assert ada.run("return window.heard") == []
        ada.until(lambda: ada.one("#messages").get_attribute("aria-live") == "polite", "the log stays silent")
        ada.send("New")
        ada.until(lambda: len(ada.run("return window.heard")) == 1, "the new message is not heard")


def page_knows_where_one_is(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with service() as server:
        ada.sign_in(server.url("/chat"), "Ada")
        ada.focus_is_on("#new-chat")
        ada.until(lambda: driver.title == "Chat · Ada", f"the title is {driver.title}")
        ada.create("Lunch")
        ada.until(lambda: driver.title == "Lunch · Ada", f"the title is {driver.title}")
        ada.send("At noon?")
        ada.shows("At noon?")
        assert ada.one("#log-start").text == "This is where the chat starts."
        # The list of an open server is polled, but not for one's own message.
        ada.until(lambda: ada.one("#chats .preview").text == "1 message", "the list is old")
        ada.run("location.hash = '#/chats/99'")
        ada.until(lambda: ada.one("#log-state").text == "Chat not found.", "the chat exists")
        ada.is_accessible()
        ada.shoot("not-found")
        ada.one("#log-back").click()
        ada.until(lambda: ada.one("#no-chat").is_displayed(), "there is no way back")
        assert not ada.one("#log-back").is_displayed()


class Bot:
    """A user who writes messages piece by piece."""

    def __init__(self, call: Callable) -> None:
        self.call = call
        self.message = self.length = 0

    def open(self, **fields: object) -> None:
        opened = self.call("POST", "/chats/1/messages/", {"open": True, **fields})
        self.message, self.length = f"/chats/1/messages/{opened['id']}", 0

    def write(self, text: str, **fields: object) -> dict:
        receipt = self.call("POST", f"{self.message}/text?at={self.length}", {"text": text, **fields})
        self.length = receipt["length"]
        return receipt

    def end(self, state: str, **fields: object) -> None:
        self.call("PATCH", self.message, {"state": state, **fields})


@contextlib.contextmanager
def reply_chat(driver: Chrome, ben_size: tuple[int, int] = DESKTOP) -> Iterator[tuple[Service, ChatWindow, ChatWindow, Bot]]:
    """Ada's and Ben's windows in a long chat, and a bot in it."""
    ada = ChatWindow(driver)
    with service(with_users=True) as server, second_window(ben_size) as ben:
        tokens = {user: server.token(user, name) for user, name in {**NAMES, "clock": "Clock"}.items()}
        with server.caller(tokens["clock"]) as clock, server.caller(tokens["ada"]) as call:
            clock("GET", "/me")
            call("POST", "/chats/", {"title": "Questions", "members": ["ben", "clock"]})
            for number in range(40):
                call("POST", "/chats/1/messages/", {"text": f"Message {number}"})
            call("POST", "/chats/1/messages/", {"text": "When do the trains to Bergen leave?"})
            call("PUT", "/chats/1/read", {"seq": 100})
            for window, user in ((ada, "ada"), (ben, "ben")):
                window.driver.get(f"{server.url('/chat')}#token={tokens[user]}")
                window.open("Questions")
                window.until(lambda: window.texts()[-1].startswith("When"), "the question is missing")
                window.run("document.getElementById('log').scrollTop = 1e6")
            yield server, ada, ben, Bot(clock)


ANSWER = """The trains to Bergen leave Oslo S at 06:25, 08:25, 12:03 and 15:43; the night train leaves at 22:43.

The journey takes about seven hours. Seats on the left have the better view between Finse and Myrdal 😄 """


def reply_that_grows(driver: Chrome) -> None:
    with reply_chat(driver, PHONE) as (_, ada, ben, bot):
        windows = ada, ben
        last = "#messages .message:last-child"
        bot.open(reply_to=41)
        bot.write("", status="Searching the timetable…")
        for window in windows:
            window.until(lambda: window.one(f"{last} .activity").text == "Searching the timetable…", "no status")
            window.shoot(f"reply-status-{'phone' if window is ben else 'desktop'}")
        ada.until(lambda: ada.one("#chats .preview").text == "Clock: Writing…", "the list does not say who writes")
        # It is not read out piece by piece.
        assert ada.one(last).get_attribute("aria-live") == "off"
        bot.write("The trains")
        for window in windows:
            window.until(lambda: window.texts()[-1] == "The trains", "the text does not grow")
            assert window.one(f"{last} .notes").text == "Stop"
        # What is selected stays so.
        ada.run("getSelection().selectAllChildren(document.querySelector(arguments[0]))", f"{last} .text")
        for end in range(len("The trains") + 7, len(ANSWER) + 7, 7):
            bot.write(ANSWER[end - 7:end])
        for window in windows:
            window.until(lambda: window.texts()[-1] == ANSWER, "the text does not grow to its end")
            window.until(lambda: window.distance_from_end() < 2, "the log does not follow its end")
        assert ada.run("return getSelection().toString()").startswith("The trains")

        # It survives a reload.
        ada.driver.refresh()
        ada.until(lambda: ada.texts() and ada.texts()[-1] == ANSWER, "the text is lost by a reload")
        bot.write("See https://example.com/trains")
        for window in windows:
            window.until(lambda: window.texts()[-1].endswith("/trains"), "the text does not grow after a reload")
            window.until(lambda: window.distance_from_end() < 2, "the log does not follow its end")
        for scheme in ("light", "dark"):
            for window, form, size in ((ada, "desktop", DESKTOP), (ben, "phone", PHONE)):
                window.emulate(scheme, size)
                window.shoot(f"reply-{form}-{scheme}")
                window.is_accessible()

        caret = "return getComputedStyle(document.querySelector('.open .text'), '::after').animationName"
        assert ada.run(caret) == "blink"
        ada.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
        )
        assert ada.run(caret) == "none"

        # The focus on the button that disappears moves to the message, which is read out now.
        ada.run("document.querySelector('.open .stop').focus()")
        bot.end("done")
        ada.until(lambda: not ada.find(".open"), "the message stays open")
        ada.focus_is_on(last)
        assert ada.one(last).get_attribute("aria-live") is None
        assert [link.get_attribute("href") for link in ada.find(f"{last} a")] == ["https://example.com/trains"]
        ada.until(lambda: ada.one("#chats .preview").text.startswith("Clock: The trains to Bergen"), "the list is old")
        for window in windows:
            window.is_quiet()


def reply_on_a_slow_phone(driver: Chrome) -> None:
    """Many changes arrive between two events of scrolling: the status disappears, and the text grows."""
    with reply_chat(driver, PHONE) as (_, _, ben, bot):
        bot.open(reply_to=41)
        bot.write("", status="Searching the timetable of the next days… " * 3)
        ben.until(lambda: ben.one("#messages .message:last-child .activity").is_displayed(), "no status")
        ben.driver.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": 20})
        for start in range(0, len(ANSWER), 7):
            bot.write(ANSWER[start:start + 7])
        ben.until(lambda: ben.texts()[-1] == ANSWER, "the text does not grow to its end")
        ben.until(lambda: ben.distance_from_end() < 2, "the log does not follow its end")


def reply_that_is_stopped(driver: Chrome) -> None:
    with reply_chat(driver) as (server, ada, ben, bot):
        windows = ada, ben
        last = "#messages .message:last-child"

        def shows_note(text: str) -> None:
            for window in windows:
                window.until(lambda: window.one(f"{last} .notes").text == text, f"the note is not {text}")

        # Ben stops the reply, though Ada asked for it, and the bot obeys.
        bot.open()
        bot.write("Let me think about this")
        shows_note("Stop")
        ben.one(".open .stop").click()
        shows_note("Stopping…")
        assert bot.write(" …")["cancel_requested"]
        bot.end("cancelled", text="Let me think.")
        shows_note("Stopped.")
        for window in windows:
            assert window.texts()[-1] == "Let me think."
            assert not window.find(".stop")
            window.is_accessible()

        # A bot that does not listen is stopped by the server.
        bot.open()
        shows_note("Stop")
        ben.one(".open .stop").send_keys(Keys.ENTER)
        for window in windows:
            window.until(lambda: window.texts()[-1] == "Stopped.", "the server does not stop the message")
        ben.focus_is_on(last)
        ada.until(lambda: ada.one("#chats .preview").text == "Clock: Stopped.", "the list is old")

        # Failures have a reason.
        bot.open()
        bot.write("The first train leaves at")
        shows_note("Stop")
        bot.end("failed", reason="the timetable is not available")
        shows_note("Not finished: the timetable is not available")
        ada.is_accessible()
        ada.shoot("reply-failed")
        bot.open(ttl=5, text="The second")
        shows_note("Not finished: its writer has disappeared.")

        # Somebody who may only read has no button.
        bot.open()
        shows_note("Stop")
        with server.caller(server.token("ada", "Ada")) as call:
            call("PUT", "/chats/1/members/ben", {"role": "reader"})
        ben.until(lambda: not ben.find(".stop"), "a reader may stop a reply")
        assert ada.find(".stop")
        bot.end("done")

        # A reader who has scrolled back sees nothing move, even while a message above grows.
        bot.open()
        bot.write("Above: ")
        for number in range(40):
            bot.call("POST", "/chats/1/messages/", {"text": f"Later {number}"})
        ada.until(lambda: ada.texts()[-1] == "Later 39", "the later messages are missing")
        for index in (-20, -44):
            ada.run(
                "const message = [...document.querySelectorAll('#messages .message')].at(arguments[0]);"
                "message.scrollIntoView(); window.watched = message", index,
            )
            top = "return window.watched.getBoundingClientRect().top"
            before = ada.run(top)
            bot.write("It grows by several lines, so that what is below it is pushed down. " * 12)
            ada.until(lambda: len(ada.texts()[-41]) == bot.length, "the text does not grow")
            moved = ada.run(top) - before
            assert abs(moved) < 2, f"what is on the screen moved by {moved} pixels"
            assert ada.one("#to-end").is_displayed()
        for window in windows:
            window.is_quiet()


# Shows a chat in a frame, and answers its requests for a token once there is one.
EMBEDDING = """
const [url] = arguments;
window.requests = 0;
addEventListener("message", ({ data, origin, source }) => {
    if (origin !== new URL(url).origin || data.type !== "chat.token_needed") return;
    window.requests += 1;
    window.reply = () => source.postMessage({ type: "chat.token", token: window.token }, origin);
    if (window.token) window.reply();
});
const frame = document.createElement("iframe");
frame.src = url;
frame.style = "width: 400px; height: 560px";
document.body.append(frame);
"""


def embedded_chat(driver: Chrome) -> None:
    ada = ChatWindow(driver)
    with Page() as page, Page() as stranger, service(True, f"--embed-origins={page.origin}") as server:
        tokens = server.tokens("ada", "ben")
        with server.caller(tokens["ada"]) as call:
            call("POST", "/chats/", {"title": "Support"})
            call("POST", "/chats/1/messages/", {"text": "How can I help?"})
        driver.get(page.origin)
        ada.run(EMBEDDING, server.url("/embed/chat/1"))
        ada.until(lambda: ada.run("return window.requests") == 1, "the page does not ask for a token")
        driver.switch_to.frame(ada.one("iframe"))

        # Only the page around it may answer.
        ada.run("postMessage({ type: 'chat.token', token: arguments[0] })", tokens["ben"])
        time.sleep(0.5)
        assert ada.one("#frame-state").text == "Signing in…"
        driver.switch_to.default_content()
        ada.run("window.token = arguments[0]; window.reply()", tokens["ada"])
        driver.switch_to.frame(ada.one("iframe"))
        ada.shows("How can I help?")
        ada.send("Hello!")
        ada.shows("How can I help?", "Hello!")
        ada.status_is("Live")
        ada.is_accessible()
        driver.switch_to.default_content()
        ada.shoot("embedded")

        # A token that is no longer accepted is replaced.
        with server.caller(server.key("check", "admin")) as call:
            call("POST", "/users/ada/revoke")
        time.sleep(1 - time.time() % 1)  # A token counts as revoked in the second of the revocation.
        ada.run("window.token = arguments[0]", server.token("ada", "Ada"))
        ada.until(lambda: ada.run("return window.requests") > 1, "the page does not ask for another token")
        driver.switch_to.frame(ada.one("iframe"))
        ada.send("Still here")
        ada.shows("How can I help?", "Hello!", "Still here")
        driver.switch_to.default_content()
        ada.is_quiet(without_server=True)

        # A page of another origin cannot show it.
        driver.get(stranger.origin)
        ada.run(EMBEDDING, server.url("/embed/chat/1"))
        ada.until(lambda: any("frame-ancestors" in entry["message"] for entry in driver.get_log("browser")), "it is framed")
        assert ada.run("return window.requests") == 0
        driver.get(server.url("/embed/chat/1"))
        ada.until(lambda: "frame of another page" in ada.one("#frame-state").text, "it shows a chat without a frame")


def looks(driver: Chrome) -> None:
    """Takes screenshots of a long conversation, and judges what a screen reader gets, in both color schemes."""
    window = ChatWindow(driver)
    with service(with_users=True) as server:
        tokens = {user: server.token(user, name) for user, name in NAMES.items()}
        for token in tokens.values():
            with server.caller(token) as call:
                call("GET", "/me")
        with server.caller(tokens["ada"]) as call:
            call("POST", "/chats/", {"title": "Release planning", "members": ["ben", "eve"]})
            call("POST", "/chats/", {"title": "مرحبا بالجميع", "members": ["ben"]})
            call("POST", "/chats/", {"title": "Supercalifragilisticexpialidocious " * 5, "members": ["ben"]})
        for user, chat, text, reply_to in CONVERSATION:
            with server.caller(tokens[user]) as call:
                call("POST", f"/chats/{chat}/messages/", {"text": text, **({"reply_to": reply_to} if reply_to else {})})
        for scheme in ("light", "dark"):
            for form, size in {"desktop": DESKTOP, "phone": PHONE}.items():
                window.emulate(scheme, size)
                driver.get(f"{server.url('/chat')}#token={tokens['ada']}")
                window.until(lambda: window.one("#app").is_displayed(), "not signed in")
                driver.refresh()
                window.open("Release planning")
                window.until(lambda: "Ben Okri" in window.one("#messages").text, "the names are missing")
                window.until(lambda: window.one("#messages .message:last-child").is_displayed(), "the log has no end")
                window.is_accessible()
                window.shoot(f"{form}-{scheme}")
        # At 200% zoom, the page has half the width and height in CSS pixels.
        window.emulate("light", (640, 450), scale=2)
        assert window.one("#draft").is_displayed()
        window.shoot("zoom")
        window.is_quiet()


NAMES = {"ada": "Ada Lovelace", "ben": "Ben Okri", "eve": "Eve"}
CONVERSATION = [
    ("ben", 2, "أهلاً بك في الدردشة! كيف حالك اليوم؟", None),
    ("ben", 3, "Wordsthatneverend" * 12, None),
    ("ben", 1, "Good morning! Are we still on track for Friday?", None),
    ("ada", 1, "Yes. Two tests are left, then I tag it.", 3),
    ("eve", 1, "I can take the release notes: https://example.com/release-notes", None),
    ("eve", 1, "A draft by noon?", None),
    ("ben", 1, "Perfect. I'll pull the plug on the staging server at two, and we see who notices.", None),
    ("ada", 1, "Nobody will. That is the point 😄", None),
]

CHECKS = [
    two_windows_chat, server_killed_between_windows, network_away_and_plug_pulled, ten_thousand_messages, text_stays_text,
    users_with_tokens, session_ends_with_the_token, more_chats_than_a_page, without_a_mouse, phone_back_to_the_list,
    too_long_a_text, another_session, dialogs_show_names_and_close, asks_before_one_leaves_or_deletes,
    quotes_lead_to_the_message, screen_reader_hears_new_messages_only, page_knows_where_one_is,
    reply_that_grows, reply_on_a_slow_phone, reply_that_is_stopped, embedded_chat, looks,
]

if __name__ == "__main__":
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    sys.exit(run(CHECKS, failures=SCREENSHOTS))
