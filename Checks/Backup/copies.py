"""A backup, as a second server shows it."""
import http.client
import shutil
import tempfile
from pathlib import Path

from Checks.Support.server import chat_api, exchange


class Copy:
    """The messages of each chat, in the order of their positions."""

    def __init__(self, file: Path) -> None:
        self.chats: dict[int, list[dict]] = {}
        with tempfile.TemporaryDirectory() as folder:
            restored = shutil.copy(file, folder)
            server = chat_api(f"sqlite:///{restored}")
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            for chat in exchange(connection, "GET", "/chats/?limit=100")[2]["chats"]:
                self.chats[chat["id"]] = self._messages(connection, chat["id"])
            connection.close()
            status = server.stop()
            assert status == 0 and not server.failures, (status, server.failures)

    @staticmethod
    def _messages(connection: http.client.HTTPConnection, chat: int) -> list[dict]:
        messages: list[dict] = []
        while True:
            after = messages[-1]["seq"] if messages else 0
            _, _, page = exchange(connection, "GET", f"/chats/{chat}/messages/?after={after}&limit=100")
            if not page["messages"]:
                return messages
            messages += page["messages"]


def flaws(copy: Copy, acknowledged: list[dict], sent: set[str]) -> list[str]:
    """How a copy differs from what it must hold."""
    stored = {message["id"]: message for messages in copy.chats.values() for message in messages}
    found = [
        f"{message['text']} is missing or different" for message in acknowledged
        if stored.get(message["id"]) != message
    ]
    found += [f"nobody sent {message['text']}" for message in stored.values() if message["text"] not in sent]
    for chat, messages in copy.chats.items():
        positions = [message["seq"] for message in messages]
        if positions != list(range(1, len(positions) + 1)):
            found.append(f"chat {chat} has gaps")
    if len({message["text"] for message in stored.values()}) != len(stored):
        found.append("a message is stored twice")
    return found[:5]
