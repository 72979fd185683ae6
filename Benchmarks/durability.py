"""Counts disk syncs: of consecutive writes, each must wait for its own."""
import http.client
import re
import tempfile
import time
from pathlib import Path

from Benchmarks import fill
from Checks.Support import cluster
from Checks.Support.server import BINARY, Server, chat_api, exchange

WRITES = 200


def prove() -> list[dict]:
    counted = {
        "SQLite": ("fdatasync of the server, by strace", sqlite()),
        "PostgreSQL": ("wal_sync of pg_stat_wal", postgresql()),
    }
    return [
        {"database": database, "writes": WRITES, "syncs": syncs, "counted": source, "reached": syncs >= WRITES}
        for database, (source, syncs) in counted.items()
    ]


def write_one_by_one(server: Server) -> None:
    """Creates a chat and posts messages, each after the response to the previous request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    path, body = "/chats/", {"title": "durability"}
    for _ in range(WRITES):
        status, _, answer = exchange(connection, "POST", path, body)
        if status != 201:
            raise RuntimeError(f"{status} {answer}")
        path, body = f"/chats/{answer.get('chat_id', answer['id'])}/messages/", {"text": "to the disk"}
    connection.close()


def sqlite() -> int:
    """Counts fdatasync calls during the writes, without those at startup and shutdown."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace")

        def calls() -> int:
            return len(re.findall(r"\bfdatasync\(", trace.read_text()))

        # With -D, the server is our child process, and strace ends with it.
        server = Server(
            "strace", "-D", "-f", "-e", "trace=fdatasync", "-o", str(trace),
            BINARY, "serve", "--port=0", f"--database-url=sqlite:///{folder}/chat.db",
        )
        before = calls()
        write_one_by_one(server)
        synced = calls() - before
        server.stop()
        return synced


def postgresql() -> int:
    """Counts the cluster's syncs during the writes, as far as PostgreSQL has reported them."""
    database = cluster.create_database("durability")
    fill.migrate(cluster.url(database))

    def reported() -> int:
        return int(cluster.sql("SELECT wal_sync FROM pg_stat_wal")[0][0])

    before = reported()
    server = chat_api(cluster.url(database))
    write_one_by_one(server)
    server.stop()
    # A session reports its counts at the latest when it ends.
    deadline = time.monotonic() + 10
    while reported() - before < WRITES and time.monotonic() < deadline:
        time.sleep(0.1)
    return reported() - before
