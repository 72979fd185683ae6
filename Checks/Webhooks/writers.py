"""Clients that post and repeat each post until it is acknowledged."""
import http.client
import random
import threading
import time

from Checks.Crash.service import Service
from Checks.Support.server import exchange

PAUSE = 0.005
# A restart takes a fraction of a second.
TIMEOUT = 30.0


class Writer:
    def __init__(self, number: int, services: list[Service], chats: list[int]) -> None:
        self.number, self.services, self.chats = number, services, chats
        # The ids of the messages in each chat.
        self.acknowledged: list[tuple[int, int]] = []
        self.faults = 0
        self.problems: list[str] = []
        self.connection = None

    def run(self, stopping: threading.Event) -> None:
        count = 0
        try:
            while not stopping.is_set():
                count += 1
                self.post(f"writer-{self.number}-post-{count}", random.choice(self.chats))
                time.sleep(PAUSE)
        except Exception as error:
            self.problems.append(f"writer {self.number} ended: {error!r}")

    def post(self, name: str, chat: int) -> None:
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            try:
                self.connection = self.connection or random.choice(self.services).connect()
                status, _, answer = exchange(
                    self.connection, "POST", f"/chats/{chat}/messages/", {"text": name}, {"Idempotency-Key": name}
                )
            except (OSError, http.client.HTTPException):
                self.connection = None
                status = None
            if status in (200, 201):
                self.acknowledged.append((chat, answer["id"]))
                return
            self.faults += 1
            if status == 503:
                time.sleep(0.01)
            elif status is not None:
                self.problems.append(f"{name}: {status} {answer}")
                return
        self.problems.append(f"{name} was not acknowledged in {TIMEOUT} s")
