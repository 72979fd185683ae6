"""Runs the samples of the README."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from .conftest import ChatServer

README = Path(__file__).parents[1] / "README.md"
SOURCES = README.with_name("src")
# A program and, unless it runs until it is stopped, what it prints.
SAMPLES = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", README.read_text(encoding="utf-8"), re.DOTALL)
ENDING = [sample for sample in SAMPLES if sample[1]]
[(BOT, _)] = [sample for sample in SAMPLES if not sample[1]]


def command(code: str, server: ChatServer) -> list[str]:
    assert "http://127.0.0.1:8000" in code
    return [sys.executable, "-c", code.replace("http://127.0.0.1:8000", server.url)]


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SOURCES), **variables}


def test_every_sample_that_ends_prints_what_the_readme_says(server: ChatServer) -> None:
    assert len(ENDING) == 3
    for code, output in ENDING:
        process = subprocess.run(
            command(code, server),
            env=environment(CHAT_TOKEN=server.token()),
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert (process.stderr, process.stdout) == ("", output)


def test_every_sample_is_typed(tmp_path: Path) -> None:
    for number, (code, _) in enumerate(SAMPLES):
        (tmp_path / f"sample{number}.py").write_text(code)
    check = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}", str(tmp_path)]
    process = subprocess.run(check, env=environment(MYPYPATH=str(SOURCES)), capture_output=True, text=True)
    assert process.returncode == 0, process.stdout


def test_the_bot_echoes_each_message_once_although_it_is_killed(server: ChatServer, tmp_path: Path) -> None:
    chat = server.request("POST", "/chats/", {"title": "Team", "members": ["echo"]})["id"]
    key = server.command("key", "create", "--name=echo", "--scope=bot:echo")
    store = tmp_path / "echo.json"

    def start() -> subprocess.Popen[bytes]:
        variables = environment(CHAT_KEY=key, CHAT_ID=str(chat))
        return subprocess.Popen(command(BOT, server), env=variables, cwd=tmp_path)

    def ask_and_wait(text: str) -> None:
        seq = server.request("POST", f"/chats/{chat}/messages/", {"text": text})["seq"]
        page = server.request("GET", f"/chats/{chat}/events?after={seq}&wait=20")
        assert [entry["message"]["text"] for entry in page["entries"]] == [f"You said: {text}"]

    bot = start()
    try:
        deadline = time.monotonic() + 20
        while not store.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        before = store.read_bytes()
        ask_and_wait("Hello")
        bot.kill()
        bot.wait()
        # As if it had been killed before it stored the position.
        store.write_bytes(before)
        bot = start()
        ask_and_wait("Bye")
        texts = [message["text"] for message in server.request("GET", f"/chats/{chat}")["messages"]]
        assert texts == ["Hello", "You said: Hello", "Bye", "You said: Bye"]
    finally:
        bot.kill()
        bot.wait()
