"""Provokes faults of PostgreSQL under load, and audits how the service handled them.

    Scripts/with-postgres python3 -m Checks.Faults.postgres

During each fault, writers post continuously through HTTP. PostgreSQL is restarted (fast and immediate), or a proxy in
front of it cuts connections between a statement and its response, swallows everything, or stalls until the buffers are
full of large texts. Every request must end in time with 201, or with 503 and Retry-After. Acknowledged posts are stored
unchanged and once, and posts that got `unavailable` are not stored. The positions are 1 to n. Afterward, there are no
more sessions than the server may open, and all of them are idle. Uses only the standard library; ends with a line
`N passed, M failed`.
"""
import collections
import http.client
import itertools
import random
import socket
import sys
import threading
import time

from Checks.Support import cluster
from Checks.Support.server import chat_api, exchange
from Checks.Support.tally import Tally

POOL_SIZE, WRITERS, STATEMENT_TIMEOUT = 4, 16, 1.0
# The pool's, one for each of two write shards, and those for searches, readiness, listening and notifying.
MAXIMUM_SESSIONS = POOL_SIZE + 2 + 4
# Together far more than a socket's buffers hold.
LARGE_WRITERS, LARGE_TEXT = 512, "🦜" * 4_980
# Waiting for a connection, the statement, and 1 s for the server to cancel it; the rest allows for a busy machine.
REQUEST_DEADLINE = 2.0 + STATEMENT_TIMEOUT + 1.0 + 20.0


class Proxy:
    """Forwards bytes to PostgreSQL until told to misbehave."""

    def __init__(self) -> None:
        self.cutting = self.swallowing = False
        self.flowing = threading.Event()
        self.flowing.set()
        # How many more of the clients' bytes to forward; None for no limit.
        self.budget = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        # Small, so that stalled data soon fills the sender's own buffer.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            client, _ = self.listener.accept()
            try:
                server = socket.create_connection((cluster.ADDRESS.hostname, cluster.ADDRESS.port))
            except OSError:
                client.close()
                continue
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(source, target, source is server), daemon=True).start()

    def pump(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        try:
            while data := source.recv(65536):
                if self.cutting and is_answer and random.random() < 0.05:
                    break
                if self.budget is not None and not is_answer:
                    self.budget -= len(data)
                    if self.budget < 0:
                        self.flowing.clear()
                self.flowing.wait()
                if not self.swallowing:
                    target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Service:
    """chat-api on its own database, and the record of what it acknowledged."""

    def __init__(self, port: int, writers: int, text: str) -> None:
        self.writers, self.text, self.numbers = writers, text, itertools.count()
        self.database = cluster.create_database("faults")
        self.server = chat_api(
            cluster.url(self.database, port), "--migrate", f"--pool-size={POOL_SIZE}", "--pool-timeout=2",
            "--connect-timeout=2", f"--statement-timeout={STATEMENT_TIMEOUT}",
        )
        self.acknowledged, self.problems, self.slowest = {}, [], 0.0
        # The error code for every text that got 503.
        self.refused = {}
        self.lock = threading.Lock()
        self.chats = [self.request("POST", "/chats/", {"title": "faults"})[2]["id"] for _ in range(3)]

    def request(self, method: str, path: str, body: dict | None = None):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        result = exchange(connection, method, path, body)
        connection.close()
        return result

    def post(self) -> int:
        start = time.monotonic()
        text = f"{next(self.numbers)} {self.text}"
        status, headers, body = self.request("POST", f"/chats/{random.choice(self.chats)}/messages/", {"text": text})
        took = time.monotonic() - start
        with self.lock:
            self.slowest = max(self.slowest, took)
            if took > REQUEST_DEADLINE:
                self.problems.append(f"a request took {took:.1f} s")
            if status == 201:
                self.acknowledged[body["id"]] = (body["chat_id"], body["seq"], text)
            elif status == 503 and headers["Retry-After"] and body["code"] in ("unavailable", "outcome_unknown"):
                self.refused[text] = body["code"]
            else:
                self.problems.append(f"{status} {body}")
        return status

    def under_load(self, make_trouble) -> None:
        stop = threading.Event()

        def write() -> None:
            try:
                while not stop.is_set():
                    if self.post() != 201:
                        time.sleep(0.01)
            except Exception as error:
                self.problems.append(f"a writer ended: {error!r}")

        writers = [threading.Thread(target=write) for _ in range(self.writers)]
        for writer in writers:
            writer.start()
        make_trouble()
        stop.set()
        for writer in writers:
            writer.join()

    def audit(self) -> list[str]:
        """The problems that remain once the fault is over."""
        recovered = time.monotonic()
        while self.post() != 201 and time.monotonic() - recovered < 10:
            time.sleep(0.02)
        delay = time.monotonic() - recovered
        problems = self.problems + ([f"not whole again after {delay:.1f} s"] if delay > 1 else [])
        stored = {
            int(row[0]): (int(row[1]), int(row[2]), row[3])
            for row in cluster.sql("SELECT id, chat_id, seq, text FROM messages", self.database)
        }
        lost = [id for id, message in self.acknowledged.items() if stored.get(id) != message]
        counts = collections.Counter(text for _, _, text in stored.values())
        doubled = [text[:20] for text, count in counts.items() if count > 1]
        undead = [text[:20] for text, code in self.refused.items() if code == "unavailable" and text in counts]
        holes = cluster.sql(
            """SELECT chats.id FROM chats LEFT JOIN messages ON messages.chat_id = chats.id GROUP BY chats.id
            HAVING count(seq) <> last_seq OR coalesce(max(seq), 0) <> last_seq""",
            self.database,
        )
        # A session may be at work for the server itself, but not for long.
        deadline = time.monotonic() + 5
        busy = 1
        while busy and time.monotonic() < deadline:
            sessions, busy = map(int, cluster.sql(
                f"""SELECT count(*), count(*) FILTER (WHERE state <> 'idle') FROM pg_stat_activity
                WHERE datname = '{self.database}' AND application_name = 'chat-api'"""
            )[0])
        status = self.server.stop()
        problems += self.server.failures
        problems += [f"lost: {lost}"] if lost else []
        problems += [f"stored twice: {doubled[:5]}"] if doubled else []
        problems += [f"stored, though answered with unavailable: {undead[:5]}"] if undead else []
        problems += [f"holes in chats {holes}"] if holes else []
        problems += [f"{sessions} sessions, more than {MAXIMUM_SESSIONS}"] if sessions > MAXIMUM_SESSIONS else []
        problems += [f"{busy} sessions are left in a statement or a transaction"] if busy else []
        problems += [f"ended with status {status}"] if status else []
        # If all requests were already in a batch, they only took longer.
        noticed = self.refused or self.slowest > STATEMENT_TIMEOUT
        problems += ["the trouble was not noticed"] if not noticed else []
        return problems


def restart(mode: str):
    def trouble(service: Service, _: Proxy) -> None:
        for _ in range(3):
            time.sleep(0.5)
            cluster.restart(mode)
    return trouble


def cut_connections(_: Service, proxy: Proxy) -> None:
    proxy.cutting = True
    time.sleep(3)
    proxy.cutting = False


def swallow_everything(_: Service, proxy: Proxy) -> None:
    time.sleep(0.3)
    proxy.swallowing = True
    time.sleep(4)
    proxy.swallowing = False
    # The server gives up the broken connections within the statement timeout.
    time.sleep(STATEMENT_TIMEOUT + 1.5)


def stand_still(_: Service, proxy: Proxy) -> None:
    time.sleep(0.3)
    proxy.flowing.clear()
    time.sleep(4)
    # What was buffered arrives late.
    proxy.flowing.set()
    time.sleep(STATEMENT_TIMEOUT + 1.5)


def stand_still_within_a_batch(service: Service, proxy: Proxy) -> None:
    time.sleep(0.3)
    # Let full batches gather.
    proxy.flowing.clear()
    time.sleep(1.5)
    proxy.budget = 1 << 20
    proxy.flowing.set()
    # Longer than any request may take.
    time.sleep(REQUEST_DEADLINE + 2)
    if proxy.flowing.is_set():
        service.problems.append("no batch was stopped")
    proxy.budget = None
    proxy.flowing.set()
    time.sleep(STATEMENT_TIMEOUT + 1.5)


def main() -> int:
    few, many = (WRITERS, "message"), (LARGE_WRITERS, LARGE_TEXT)
    faults = {
        "restart, fast": (restart("fast"), few),
        "restart, immediate": (restart("immediate"), few),
        "connections cut before the answer": (cut_connections, few),
        "a network that swallows everything": (swallow_everything, few),
        "a network that stands still": (stand_still, few),
        "a network that stands still within large batches": (stand_still_within_a_batch, many),
    }
    tally = Tally()
    for name, (trouble, load) in faults.items():
        proxy = Proxy()
        service = Service(proxy.port, *load)
        service.under_load(lambda: trouble(service, proxy))
        problems = service.audit()
        codes = collections.Counter(service.refused.values())
        print(f"{name}: {len(service.acknowledged)} acknowledged, {codes['unavailable']} unavailable, "
              f"{codes['outcome_unknown']} unknown, slowest {service.slowest:.1f} s", flush=True)
        tally.add(name, "; ".join(problems[:5]))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
