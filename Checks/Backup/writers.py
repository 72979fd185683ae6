"""Clients that post, and a journal of what they sent and what was acknowledged."""
import contextlib
import http.client
import threading
from collections.abc import Iterator

from Checks.Support.server import exchange

WRITERS, CHATS = 6, 3


class Journal:
    def __init__(self) -> None:
        self.problems: list[str] = []
        self._lock = threading.Lock()
        self._sent: set[str] = set()
        self._acknowledged: list[dict] = []

    def send(self, text: str) -> None:
        with self._lock:
            self._sent.add(text)

    def acknowledge(self, message: dict) -> None:
        with self._lock:
            self._acknowledged.append(message)

    def sent(self) -> set[str]:
        with self._lock:
            return set(self._sent)

    def acknowledged(self) -> list[dict]:
        """The messages as the server returned them."""
        with self._lock:
            return list(self._acknowledged)


def post(port: int, number: int, chats: list[int], journal: Journal, stopping: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        count = 0
        while not stopping.is_set():
            count += 1
            text = f"message {count} of writer {number}"
            journal.send(text)
            status, _, message = exchange(
                connection, "POST", f"/chats/{chats[count % CHATS]}/messages/", {"text": text},
            )
            if status == 201:
                journal.acknowledge(message)
            else:
                journal.problems.append(f"{text}: {status} {message}")
            # Leaves the processor to the server and the backup.
            stopping.wait(0.002)
    except Exception as error:
        journal.problems.append(f"writer {number} ended: {error!r}")
    finally:
        connection.close()


@contextlib.contextmanager
def writing(port: int, journal: Journal) -> Iterator[None]:
    """Concurrent writers. Each finishes its last post."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    chats = [exchange(connection, "POST", "/chats/", {"title": "Backed up"})[2]["id"] for _ in range(CHATS)]
    connection.close()
    stopping = threading.Event()
    threads = [
        threading.Thread(target=post, args=(port, number, chats, journal, stopping), daemon=True)
        for number in range(WRITERS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
