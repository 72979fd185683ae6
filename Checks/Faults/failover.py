"""Fails over to a standby that has not received everything, and checks that connected clients miss nothing.

    python3 -m Checks.Faults.failover

Starts a primary and a standby made with pg_basebackup, and disconnects the standby while clients keep writing. Then it
kills the primary and promotes the standby, so the same positions get other entries. Two servers use both clusters. Each
client that had seen more than the standby holds must be told so, all clients must end up with the log as it is, and no
response may show an entry of the new history under the old epoch. Finally, it restores a backup of SQLite under a
client. Uses only the standard library and PostgreSQL's programs; ends with a line `N passed, M failed`.
"""
import http.client
import shutil
import sqlite3
import sys
import threading
import time
from pathlib import Path

from Checks.Faults.clusters import DEADLINE, Cluster, report, request, run, wait
from Checks.Support.events import events
from Checks.Support.server import BINARY, Server


class Browser:
    """An `EventSource` that records its events, and forgets them at `reset`."""

    def __init__(self, server: Server, path: str) -> None:
        self.server, self.path, self.id, self.texts, self.resets = server, path, "", {}, 0
        self.problems, self.is_over = [], False
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while not self.is_over:
            try:
                self.read()
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)

    def read(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=DEADLINE)
        connection.request("GET", self.path, headers={"Last-Event-ID": self.id} if self.id else {})
        answer = connection.getresponse()
        if answer.status == 503:
            time.sleep(0.05)
            return
        if answer.status != 200:
            self.problems.append(f"{self.path} gave up after {answer.status}: {answer.read()[:300]}")
            self.is_over = True
            return
        for kind, id, data in events(answer):
            self.id = id or self.id
            self.show(kind, data)

    def show(self, kind: str | None, data: dict | None) -> None:
        if kind == "reset":
            self.texts, self.resets = {}, self.resets + 1
        elif kind == "message.created":
            seq, text = data["seq"], data["message"]["text"]
            if self.texts.get(seq, text) != text:
                self.problems.append(f"{self.path} shows {text} at {seq} after {self.texts[seq]}")
            self.texts[seq] = text


class Poller:
    """Reads the log continuously, and checks that an epoch never has two entries at one position."""

    def __init__(self, server: Server) -> None:
        self.server, self.seen, self.problems, self.is_over = server, {}, [], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while not self.is_over:
            try:
                status, _, page = request(self.server, "GET", "/chats/1/log")
            except (OSError, http.client.HTTPException):
                continue
            if status != 200:
                continue
            for entry in page["entries"]:
                place, text = (page["epoch"], entry["seq"]), entry["message"]["text"]
                if self.seen.setdefault(place, text) != text:
                    self.problems.append(f"{place} is {text} after {self.seen[place]}")


def post(server: Server, *texts: str) -> None:
    for text in texts:
        deadline = time.monotonic() + DEADLINE
        while True:
            answer = request(server, "POST", "/chats/1/messages/", {"text": text}, {"Idempotency-Key": text.replace(" ", "-")})
            if answer[0] in (200, 201):
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"{text} is not accepted: {answer}, {list(server.last_lines)[-3:]}")
            time.sleep(0.02)


def log(server: Server) -> dict[int, str]:
    return {entry["seq"]: entry["message"]["text"] for entry in request(server, "GET", "/chats/1/log")[2]["entries"]}


def fail_over(folder: Path) -> list[str]:
    primary = Cluster(folder)
    clusters, servers = [primary], []
    try:
        primary.sql("CREATE DATABASE chat")
        standby = Cluster(folder, primary)
        clusters.append(standby)
        url = f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/chat?sslmode=disable"
        for _ in range(2):
            servers.append(Server(BINARY, "serve", "--port=0", f"--database-url={url}", "--migrate", "--connect-timeout=4",
                                  "--stream-check-interval=1", "--log-level=notice"))
        first, second = servers
        request(first, "POST", "/chats/", {"title": "failover"})
        post(first, "1", "2", "3")
        received = primary.sql("SELECT pg_current_wal_lsn()")
        problems = wait("the standby", lambda: standby.sql(
            f"SELECT pg_last_wal_replay_lsn() >= '{received}'") == "t")
        standby.set(primary_conninfo="")
        problems += wait("the end of the replication", lambda: primary.sql(
            "SELECT count(*) FROM pg_stat_replication") == "0")
        paths = ["/chats/1/events?after=0", "/events?chats=1:0", "/events?chats=1:0,1:0"]
        browsers = [Browser(server, path) for server in servers for path in paths]
        pollers = [Poller(server) for server in servers]
        post(first, "4", "5", "6")
        problems += wait("6 entries", lambda: all(len(browser.texts) == 6 for browser in browsers))
        old = request(first, "GET", "/chats/1/log")[2]["epoch"]
        primary.stop()
        standby.promote()
        post(second, "another 4", "another 5")
        expected = {1: "1", 2: "2", 3: "3", 4: "another 4", 5: "another 5"}
        problems += wait("the new history", lambda: all(browser.texts == expected for browser in browsers))
        new = {request(server, "GET", "/chats/1/log")[2]["epoch"] for server in servers}
        problems += [f"the epochs are {new} after {old}"] if len(new) != 1 or old in new else []
        for server in servers:
            status, _, body = request(server, "GET", f"/chats/1/log?after={old}.6")
            problems += [f"{status} {body}"] if (status, body.get("code")) != (409, "epoch_changed") else []
            problems += [f"the log is {log(server)}"] if log(server) != expected else []
        for client in browsers + pollers:
            client.is_over = True
            problems += client.problems
        problems += [f"{browser.path} was not reset" for browser in browsers if not browser.resets]
        return problems
    finally:
        for server in servers:
            server.kill()
        for cluster in clusters:
            cluster.stop()


def restore(folder: Path) -> list[str]:
    """Restores a copy of a SQLite database under a browser that has seen more, and renews the epoch."""
    database, copy = folder / "chat.db", folder / "copy.db"
    url = f"sqlite:///{database}"
    server = Server(BINARY, "serve", "--port=0", f"--database-url={url}", "--log-level=notice")
    browser = Browser(server, "/chats/1/events?after=0")
    problems = []
    try:
        request(server, "POST", "/chats/", {"title": "restore"})
        browser.is_over = False
        browser = Browser(server, "/chats/1/events?after=0")
        post(server, "1", "2", "3")
        with sqlite3.connect(database) as source, sqlite3.connect(copy) as target:
            source.backup(target)
        post(server, "4", "5", "6")
        problems += wait("6 entries", lambda: len(browser.texts) == 6)
        server.stop()
        for name in (database, f"{database}-wal", f"{database}-shm"):
            Path(name).unlink(missing_ok=True)
        shutil.copy(copy, database)
        old = run(BINARY_PATH, "epoch", f"--database-url={url}").strip()
        new = run(BINARY_PATH, "epoch", "renew", f"--database-url={url}").strip()
        problems += [f"the epoch {old} became {new}"] if old == new or len(new) != 8 else []
        server = Server(BINARY, "serve", "--port=0", f"--database-url={url}", "--log-level=notice")
        browser.server = server
        post(server, "another 4", "another 5", "another 6", "7")
        expected = dict(enumerate(["1", "2", "3", "another 4", "another 5", "another 6", "7"], 1))
        problems += wait("the restored history", lambda: browser.texts == expected)
        # Another process renews it while the server runs.
        resets = browser.resets
        run(BINARY_PATH, "epoch", "renew", f"--database-url={url}")
        problems += wait("the reset of an open stream", lambda: browser.resets > resets and browser.texts == expected)
        browser.is_over = True
        return problems + browser.problems
    finally:
        server.kill()


BINARY_PATH = str(Path(BINARY).resolve())


if __name__ == "__main__":
    sys.exit(report({"a failover that loses entries": fail_over, "a restored SQLite backup": restore}))
