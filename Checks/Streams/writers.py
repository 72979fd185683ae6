"""Programs that write messages piece by piece, each by a minimal implementation of the writer's rule."""
import asyncio
import random
import time

from Checks.Crash.service import Service
from Checks.Streams.connection import Connection

# Texts of several kinds of characters, since offsets count Unicode scalars.
ALPHABET = "abc äß 漢字 👩‍👧 \n"
LONGEST_PIECE, LONGEST_TEXT = 60, 30_000
# Seconds without an append after which a message ends: of writers that stay, which renew it in time, and of those that
# vanish.
TTL, SHORT_TTL = 20, 5


class Writer:
    """Writes one message. `fate` is how it ends: done, vanished or cancelled."""

    def __init__(self, key: str, chat: int, fate: str, pause: float, services: list[Service]) -> None:
        self.key, self.chat, self.fate, self.pause = key, chat, fate, pause
        self.ttl = SHORT_TTL if fate == "vanished" else TTL
        self.connection = Connection(services)
        self.id: int | None = None
        # The whole text, how much of it the server is known to have, and how much to have stored.
        self.written = ""
        self.length = self.stored = 0
        # When the last append was sent, and when it was acknowledged, in seconds since 1970.
        self.sent_at = self.acknowledged_at = time.time()
        self.appends = self.losses = 0
        # Whether somebody has stopped the writer.
        self.is_over = False
        self.problems: list[str] = []

    @property
    def path(self) -> str:
        return f"/chats/{self.chat}/messages/{self.id}"

    async def run(self, stopping: asyncio.Event) -> None:
        try:
            await self.open()
            await self.write(stopping)
            if self.fate != "vanished":
                await self.end("cancelled" if self.is_over else "done")
        except Exception as error:
            self.problems.append(f"{self.key}: {error!r}")
        finally:
            self.connection.close()

    async def open(self) -> None:
        body, fields = {"open": True, "ttl": self.ttl}, {"Idempotency-Key": self.key}
        status, message = await self.connection.request("POST", f"/chats/{self.chat}/messages/", body, **fields)
        if status not in (200, 201):
            raise RuntimeError(f"{status} {message}")
        self.id = message["id"]

    async def write(self, stopping: asyncio.Event) -> None:
        pieces = random.randint(2, 8) if self.fate == "vanished" else None
        while not self.is_over and len(self.written) < LONGEST_TEXT and pieces != self.appends:
            if stopping.is_set() and self.fate == "done":
                return
            self.written += "".join(random.choices(ALPHABET, k=random.randint(0, LONGEST_PIECE)))
            await self.append()
            # A writer may move to another server.
            if random.random() < 0.1:
                self.connection.close()
            await asyncio.sleep(random.uniform(0, 2 * self.pause))

    async def append(self) -> None:
        """Sends what the server does not have, until it has everything."""
        while True:
            at, body = self.length, {"text": self.written[self.length:], "status": "Writing"}
            self.sent_at = time.time()
            status, answer = await self.connection.request("POST", f"{self.path}/text?at={at}", body)
            if status == 200:
                break
            if status == 409 and answer["code"] == "offset_mismatch" and answer["length"] < at:
                if answer["length"] < self.stored:
                    raise RuntimeError(f"{self.stored} characters were stored, and {answer['length']} are left")
                self.length, self.losses = answer["length"], self.losses + 1
            elif status == 409 and answer["code"] == "message_not_open" and self.fate != "done":
                # The server was faster: it ends a canceled message itself, and the short lease may not outlast a restart.
                self.is_over = True
                return
            else:
                raise RuntimeError(f"{status} {answer} at {at} of {len(self.written)}")
        if answer["length"] != len(self.written):
            raise RuntimeError(f"{answer} for a text of {len(self.written)}")
        self.length, self.stored = answer["length"], answer["stored"]
        self.is_over = answer["cancel_requested"]
        self.acknowledged_at = time.time()
        self.appends += 1

    async def end(self, state: str) -> None:
        body = {"state": state} if self.stored == len(self.written) else {"state": state, "text": self.written}
        status, answer = await self.connection.request("PATCH", self.path, body)
        # The server ends a canceled message itself, with the text that it has.
        is_late = self.fate != "done" and status == 409 and answer["code"] == "message_not_open"
        if status != 200 and not is_late:
            raise RuntimeError(f"{status} {answer} at the end")

    async def cancel(self) -> None:
        """Stops the writer from another device."""
        while self.appends < 3 and not self.problems:
            await asyncio.sleep(0.02)
        connection = Connection(self.connection.services)
        status, answer = await connection.request("POST", f"{self.path}/cancel")
        connection.close()
        if status != 202:
            self.problems.append(f"canceling {self.key}: {status} {answer}")
