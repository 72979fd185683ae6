"""Clients that stream a chat while its messages grow, each by the reader's rule."""
import asyncio
import random

from Checks.Crash.service import Service
from Checks.Streams.connection import BROKEN, Connection
from Checks.Streams.writers import Writer

# Seconds after which a reader reloads.
LONGEST_VIEW = 4.0


class Reader:
    """Streams a chat. If it `reloads`, it forgets everything at random moments and reads the chat from its start."""

    def __init__(self, chat: int, writers: dict[str, Writer], services: list[Service], reloads: bool) -> None:
        self.chat, self.writers, self.services, self.reloads = chat, writers, services, reloads
        self.views = self.cuts = self.pieces = 0
        self.problems: list[str] = []
        self.forget()

    def forget(self) -> None:
        self.position = 0
        # Of each message: its key, its text, and how it is now.
        self.keys: dict[int, str] = {}
        self.texts: dict[int, str] = {}
        self.states: dict[int, str] = {}

    async def run(self, settling: asyncio.Event) -> None:
        while True:
            try:
                async with asyncio.timeout(None if settling.is_set() or not self.reloads else self.lifetime()):
                    await self.read()
            except TimeoutError:
                self.forget()
            except BROKEN:
                self.cuts += 1
            except Exception as error:
                self.problems.append(f"a reader of chat {self.chat} ended: {error!r}")
                return
            await asyncio.sleep(random.uniform(0, 0.1))

    def lifetime(self) -> float:
        return random.uniform(0, LONGEST_VIEW)

    async def read(self) -> None:
        self.views += 1
        async for event in Connection(self.services).stream(f"/chats/{self.chat}/events?after={self.position}"):
            if "message" in event:
                self.enter(event)
            elif event["type"] == "message.appended":
                self.grow(event)
            elif event["type"] not in ("hello", "caught_up", "message.cancel_requested"):
                raise RuntimeError(event)

    def enter(self, entry: dict) -> None:
        if entry["seq"] != self.position + 1:
            raise RuntimeError(f"{entry['seq']} follows {self.position}")
        self.position = entry["seq"]
        message = entry["message"]
        self.keys[message["id"]] = message["idempotency_key"]
        self.states[message["id"]] = message["state"]
        self.show(message["id"], message["text"])

    def grow(self, event: dict) -> None:
        id, at = event["message_id"], event["at"]
        # A piece may arrive after the end.
        if self.states[id] != "open":
            return
        if at > len(self.texts[id]):
            raise RuntimeError(f"a piece at {at} of {len(self.texts[id])} of {self.keys[id]}")
        self.pieces += 1
        self.show(id, self.texts[id][:at] + event["text"])

    def show(self, id: int, text: str) -> None:
        """Shows a text, which must at any time be the beginning of what was written."""
        if not self.writers[self.keys[id]].written.startswith(text):
            raise RuntimeError(f"{text[-60:]!r} was not written there by {self.keys[id]}")
        self.texts[id] = text
