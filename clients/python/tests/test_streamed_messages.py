"""Runs the bot of docs/streamed-messages.md, word for word, with a language model that the test plays."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from .conftest import ChatServer
from .test_readme import SOURCES, Bot, environment, new_chat, post

PAGE = Path(__file__).parents[3] / "docs/streamed-messages.md"
[CODE] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


class Model(BaseHTTPRequestHandler):
    """Answers `Count` with numbers that do not end, `Fail` with an error, and everything else with an echo."""

    requests: list[tuple[str, str | None, Any]] = []
    hang_ups = threading.Semaphore(0)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.requests.append((self.path, self.headers["Authorization"], body))
        question = body["messages"][-1]["content"]
        self.send_response(500 if question == "Fail" else 200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        if question == "Count":
            self.count()
        elif question != "Fail":
            for token in ["You ", "said: ", question]:
                self.send(token)
            self.wfile.write(b'data: {"choices":[]}\n\ndata: [DONE]\n\n')

    def count(self) -> None:
        number = 0
        try:
            while True:
                self.send(f"{number} ")
                number += 1
                time.sleep(0.02)
        except OSError:
            self.hang_ups.release()

    def send(self, token: str) -> None:
        chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": token}}]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def model() -> Iterator[dict[str, str]]:
    """The variables with which a program finds the model."""
    Model.requests = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    yield {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-test", "MODEL": "test"}
    server.shutdown()
    server.server_close()


@pytest.fixture
def bot(server: ChatServer, tmp_path: Path) -> Iterator[Bot]:
    bot = Bot(CODE, server, tmp_path, user="assistant", store="bot.json")
    yield bot
    bot.kill()


def answered(server: ChatServer, chat: int, seq: int, is_wanted: str = "done|failed|cancelled") -> Any:
    """The message at a position, once it has one of the states."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        page = server.request("GET", f"/chats/{chat}/messages/?after={seq - 1}&limit=1")
        for message in page["messages"]:
            if re.fullmatch(is_wanted, message["state"]):
                return message
        time.sleep(0.01)
    raise AssertionError(f"{page} is not {is_wanted}")


def test_the_bot_answers_stops_when_canceled_and_survives_an_error(
    server: ChatServer, model: dict[str, str], bot: Bot
) -> None:
    chat = new_chat(server, "assistant")
    bot.start(chat, **model)
    bot.wait_for_store()

    seq = post(server, chat, "Hello")
    message = answered(server, chat, seq + 1)
    assert (message["text"], message["state"], message["author"]) == ("You said: Hello", "done", "assistant")
    [(path, credential, body)] = Model.requests
    assert (path, credential, body["model"], body["stream"]) == ("/v1/chat/completions", "Bearer sk-test", "test", True)

    seq = post(server, chat, "Count")
    message = answered(server, chat, seq + 1, "open")
    while not message["text"]:
        message = answered(server, chat, seq + 1, "open")
    server.request("POST", f"/chats/{chat}/messages/{message['id']}/cancel")
    message = answered(server, chat, seq + 1)
    assert message["state"] == "cancelled" and "0 1 2 3 ".startswith(message["text"][:8])
    assert Model.hang_ups.acquire(timeout=10)

    seq = post(server, chat, "Fail")
    message = answered(server, chat, seq + 1)
    assert (message["text"], message["state"], message["reason"]) == ("", "failed", "HTTPStatusError")
    assert bot.next_line().startswith("No answer: HTTPStatusError")

    seq = post(server, chat, "Bye")
    assert answered(server, chat, seq + 1)["text"] == "You said: Bye"
    roles = [(each["role"], each["content"]) for each in Model.requests[-1][2]["messages"]]
    assert roles[:3] == [("user", "Hello"), ("assistant", "You said: Hello"), ("user", "Count")]
    assert roles[-1] == ("user", "Bye")


def test_the_bot_answers_again_in_the_same_message_after_it_was_killed(
    server: ChatServer, model: dict[str, str], bot: Bot
) -> None:
    chat = new_chat(server, "assistant")
    bot.start(chat, **model)
    bot.wait_for_store()
    seq = post(server, chat, "Count")
    while not answered(server, chat, seq + 1, "open")["text"]:
        pass
    bot.kill()
    bot.start(chat, **model)
    while len(Model.requests) < 2:
        time.sleep(0.01)
    message = answered(server, chat, seq + 1, "open")
    server.request("POST", f"/chats/{chat}/messages/{message['id']}/cancel")
    assert answered(server, chat, seq + 1)["state"] == "cancelled"
    assert server.request("GET", f"/chats/{chat}")["last_seq"] == seq + 2


def test_the_bot_is_typed(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(CODE)
    check = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}", str(tmp_path / "bot.py")]
    process = subprocess.run(check, env=environment(MYPYPATH=str(SOURCES)), capture_output=True, text=True)
    assert process.returncode == 0, process.stdout
