"""Does to PostgreSQL what happens to databases, under load, and audits what the service made of it.

    Scripts/with-postgres python3 -m Tests.Faults.postgres

Each fault: writers post without pause through HTTP; the server is restarted (fast and immediate), or a proxy in front
of it cuts connections after a statement went out and before its answer came back, or swallows everything. Whatever
happens, a request ends in time with 201, or with 503 and Retry-After; what was acknowledged is there unchanged; the
positions are 1 to n; and afterwards there are no more sessions than the pool is large, and all of them are idle. Standard
library alone; ends with a line `N passed, M failed`.
"""
import http.client
import random
import socket
import sys
import threading
import time

from Tests.Support import cluster
from Tests.Support.server import chat_api, exchange

POOL_SIZE, WRITERS, STATEMENT_TIMEOUT = 4, 16, 1.0
# The pool's lease, the statement, a second's grace for the server to cancel it, and the machine's own slowness.
REQUEST_DEADLINE = 2.0 + STATEMENT_TIMEOUT + 1.0 + 6.0


class Proxy:
    """Forwards bytes to PostgreSQL until it is told to misbehave."""

    def __init__(self) -> None:
        self.cutting = self.swallowing = False
        self.listener = socket.create_server(("127.0.0.1", 0))
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
    """chat-api on a database of its own, and what it has acknowledged."""

    def __init__(self, port: int) -> None:
        self.database = cluster.create_database("faults")
        self.server = chat_api(
            cluster.url(self.database, port), "--migrate", f"--pool-size={POOL_SIZE}", "--pool-timeout=2",
            "--connect-timeout=2", f"--statement-timeout={STATEMENT_TIMEOUT}",
        )
        self.acknowledged, self.problems, self.refused, self.slowest = {}, [], 0, 0.0
        self.lock = threading.Lock()
        self.chats = [self.request("POST", "/chats/", {"title": "faults"})[2]["id"] for _ in range(3)]

    def request(self, method: str, path: str, body: dict | None = None):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        result = exchange(connection, method, path, body)
        connection.close()
        return result

    def post(self) -> int:
        start = time.monotonic()
        text = f"message {random.random()}"
        status, headers, body = self.request("POST", f"/chats/{random.choice(self.chats)}/messages/", {"text": text})
        took = time.monotonic() - start
        with self.lock:
            self.slowest = max(self.slowest, took)
            if took > REQUEST_DEADLINE:
                self.problems.append(f"a request took {took:.1f} s")
            if status == 201:
                self.acknowledged[body["id"]] = (body["chat_id"], body["seq"], text)
            elif status == 503 and headers["Retry-After"] and body["code"] in ("unavailable", "outcome_unknown"):
                self.refused += 1
            else:
                self.problems.append(f"{status} {body}")
        return status

    def under_load(self, make_trouble) -> None:
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                if self.post() != 201:
                    time.sleep(0.01)

        writers = [threading.Thread(target=write) for _ in range(WRITERS)]
        for writer in writers:
            writer.start()
        make_trouble()
        stop.set()
        for writer in writers:
            writer.join()

    def audit(self) -> list[str]:
        """What is wrong, once the trouble is over."""
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
        holes = cluster.sql(
            """SELECT chats.id FROM chats LEFT JOIN messages ON messages.chat_id = chats.id GROUP BY chats.id
            HAVING count(seq) <> last_seq OR coalesce(max(seq), 0) <> last_seq""",
            self.database,
        )
        sessions, busy = map(int, cluster.sql(
            f"""SELECT count(*), count(*) FILTER (WHERE state <> 'idle') FROM pg_stat_activity
            WHERE datname = '{self.database}' AND application_name = 'chat-api'"""
        )[0])
        status = self.server.stop()
        problems += [f"lost: {lost}"] if lost else []
        problems += [f"holes in chats {holes}"] if holes else []
        problems += [f"{sessions} sessions for a pool of {POOL_SIZE}"] if sessions > POOL_SIZE else []
        problems += [f"{busy} sessions are left in a statement or a transaction"] if busy else []
        problems += [f"ended with status {status}"] if status else []
        problems += ["the trouble was not noticed"] if not self.refused else []
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
    # What is left of those connections is given up within the statement's deadline.
    time.sleep(STATEMENT_TIMEOUT + 1.5)


def main() -> int:
    faults = {
        "restart, fast": restart("fast"),
        "restart, immediate": restart("immediate"),
        "connections cut before the answer": cut_connections,
        "a network that swallows everything": swallow_everything,
    }
    passed = failed = 0
    for name, trouble in faults.items():
        proxy = Proxy()
        service = Service(proxy.port)
        service.under_load(lambda: trouble(service, proxy))
        problems = service.audit()
        passed, failed = passed + (not problems), failed + bool(problems)
        print(f"{name}: {len(service.acknowledged)} acknowledged, {service.refused} refused, "
              f"slowest {service.slowest:.1f} s{''.join('; ' + problem for problem in problems[:5])}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
