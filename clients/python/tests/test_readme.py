"""Runs the samples of the README."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from chat_api_client import Chat, ChatClient

from .conftest import ChatServer

README = Path(__file__).parents[1] / "README.md"
SOURCES = README.with_name("src")
TEXT = README.read_text(encoding="utf-8")
# A program and, unless it runs until it is stopped, what it prints.
SAMPLES = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", TEXT, re.DOTALL)
ENDING = [sample for sample in SAMPLES if sample[1]]
BOT, BOT_IN_ALL_CHATS = [code for code, output in SAMPLES if not output]
[WARNING] = re.findall(r"```text\n(offline, .*\n)```", TEXT)
# The rows of the tables of methods: each has one call or more, and what they do.
ROWS = {
    cls: re.search(rf"^\| `{cls.__name__}` \| \|\n\| --- \| --- \|\n((?:\| .* \|\n)+)", TEXT, re.MULTILINE)
    for cls in (ChatClient, Chat)
}


def command(code: str, server: ChatServer) -> list[str]:
    assert "http://127.0.0.1:8000" in code
    return [sys.executable, "-c", code.replace("http://127.0.0.1:8000", server.url)]


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCES), **variables}


def test_every_sample_that_ends_prints_what_the_readme_says(server: ChatServer) -> None:
    assert len(ENDING) == 5
    for code, output in ENDING:
        process = subprocess.run(
            command(code, server),
            env=environment(CHAT_TOKEN=server.token()),
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert (process.stderr, process.stdout) == (WARNING if "client.error" in code else "", output)


def test_the_tables_name_every_method_with_its_parameters() -> None:
    for cls, rows in ROWS.items():
        assert rows is not None
        calls = [call for row in rows[1].splitlines() for call in re.findall(r"`([^`]+)`", row.split("|")[1])]
        assert sorted(calls) == sorted(call(cls, name) for name in vars(cls) if not name.startswith("_"))


def call(cls: type, name: str) -> str:
    member = getattr(cls, name)
    if isinstance(member, property):
        return name
    _, *parameters = inspect.signature(member).parameters
    return f"{name}({', '.join(parameters)})"


def test_every_sample_is_typed(tmp_path: Path) -> None:
    for number, (code, _) in enumerate(SAMPLES):
        (tmp_path / f"sample{number}.py").write_text(code)
    check = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}", str(tmp_path)]
    process = subprocess.run(check, env=environment(MYPYPATH=str(SOURCES)), capture_output=True, text=True)
    assert process.returncode == 0, process.stdout


class Bot:
    """A bot of a page."""

    def __init__(
        self, code: str, server: ChatServer, folder: Path, *, user: str = "echo", store: str = "echo.json"
    ) -> None:
        self.store = folder / store
        self._code = code
        self._server = server
        self._folder = folder
        self._key = server.command("key", "create", f"--name={user}", f"--scope=bot:{user}")

    def start(self, chat: int = 0, **variables: str) -> None:
        self._process = subprocess.Popen(
            command(self._code, self._server),
            env=environment(CHAT_KEY=self._key, CHAT_ID=str(chat), **variables),
            cwd=self._folder,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_for_store(self) -> None:
        """Waits until the bot has stored where it starts."""
        deadline = time.monotonic() + 20
        while not self.store.exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def last_words(self) -> str:
        return self._process.communicate(timeout=20)[0]

    def next_line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def new_chat(server: ChatServer, bot: str = "echo") -> int:
    id: int = server.request("POST", "/chats/", {"title": "Team", "members": [bot]})["id"]
    return id


def post(server: ChatServer, chat: int, text: str) -> int:
    seq: int = server.request("POST", f"/chats/{chat}/messages/", {"text": text})["seq"]
    return seq


def expect_answer(server: ChatServer, chat: int, text: str, after: int) -> None:
    page = server.request("GET", f"/chats/{chat}/events?after={after}&wait=20")
    assert [entry["message"]["text"] for entry in page["entries"]] == [f"You said: {text}"]


def ask(server: ChatServer, chat: int, text: str) -> None:
    expect_answer(server, chat, text, after=post(server, chat, text))


def texts(server: ChatServer, chat: int) -> list[str]:
    return [message["text"] for message in server.request("GET", f"/chats/{chat}")["messages"]]


def test_the_bot_echoes_each_message_once_although_it_is_killed(server: ChatServer, tmp_path: Path) -> None:
    chat = new_chat(server)
    bot = Bot(BOT, server, tmp_path)
    bot.start(chat)
    try:
        bot.wait_for_store()
        before = bot.store.read_bytes()
        ask(server, chat, "Hello")
        bot.kill()
        # As if it had been killed before it stored the position.
        bot.store.write_bytes(before)
        bot.start(chat)
        ask(server, chat, "Bye")
        assert texts(server, chat) == ["Hello", "You said: Hello", "Bye", "You said: Bye"]
    finally:
        bot.kill()


def test_the_bot_says_that_its_chat_does_not_exist_or_was_deleted(server: ChatServer, tmp_path: Path) -> None:
    bot = Bot(BOT, server, tmp_path)
    bot.start(404)
    assert bot.last_words() == "Chat 404 does not exist, or echo is not in it\n"
    chat = new_chat(server)
    bot.start(chat)
    try:
        bot.wait_for_store()
        ask(server, chat, "Hello")
        server.request("DELETE", f"/chats/{chat}")
        assert bot.last_words() == f"Chat {chat} does not exist, or echo is not in it\n"
    finally:
        bot.kill()


def test_a_bot_whose_reply_is_rejected_says_so_and_continues(server: ChatServer, tmp_path: Path) -> None:
    chat = new_chat(server)
    for code in (BOT, BOT_IN_ALL_CHATS):
        bot = Bot(code, server, tmp_path)
        bot.start(chat)
        try:
            bot.wait_for_store()
            ask(server, chat, "Hello")
            server.request("PUT", f"/chats/{chat}/members/echo", {"role": "reader"})
            post(server, chat, "Never answered")
            assert bot.next_line() == f"Rejected in chat {chat}: 403 forbidden: You may not do this\n"
            server.request("PUT", f"/chats/{chat}/members/echo", {"role": "member"})
            ask(server, chat, "Hello again")
        finally:
            bot.kill()
            bot.store.unlink()


def test_the_bot_in_all_chats_answers_once_in_each_that_it_is_a_member_of(server: ChatServer, tmp_path: Path) -> None:
    one = new_chat(server)
    seq = post(server, one, "Early")
    bot = Bot(BOT_IN_ALL_CHATS, server, tmp_path)
    bot.start()
    try:
        expect_answer(server, one, "Early", after=seq)
        two = new_chat(server)
        ask(server, two, "Hello")
        ask(server, one, "Hi")
        bot.kill()
        seq = post(server, one, "Late")
        bot.start()
        expect_answer(server, one, "Late", after=seq)
        ask(server, two, "Bye")
        server.request("DELETE", f"/chats/{two}/members/echo")
        assert bot.next_line() == f"Chat {two} was deleted, or echo is no longer in it\n"
        server.request("POST", f"/chats/{two}/members", {"users": ["echo"]})
        ask(server, two, "Again")
        assert texts(server, one) == ["Early", "You said: Early", "Hi", "You said: Hi", "Late", "You said: Late"]
        assert texts(server, two) == ["Hello", "You said: Hello", "Bye", "You said: Bye", "Again", "You said: Again"]
    finally:
        bot.kill()
