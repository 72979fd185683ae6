"""Counts what reaches the disk: writes one by one, each of which has to wait for a synchronisation of its own."""
import http.client
import re
import tempfile
import time
from pathlib import Path

from Benchmarks import fill
from Tests.Support import cluster
from Tests.Support.server import BINARY, Server, chat_api, exchange

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
    """A chat and its messages, each after the answer to the one before."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    path, body = "/chats/", {"title": "durability"}
    for _ in range(WRITES):
        status, _, answer = exchange(connection, "POST", path, body)
        if status != 201:
            raise RuntimeError(f"{status} {answer}")
        path, body = f"/chats/{answer.get('chat_id', answer['id'])}/messages/", {"text": "to the disk"}
    connection.close()


def sqlite() -> int:
    """The calls during the writes, without those of the start and the end."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder, "trace")

        def calls() -> int:
            return len(re.findall(r"\bfdatasync\(", trace.read_text()))

        # With -D the server is the child, and strace goes when it goes.
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
    """The cluster's synchronisations during the writes, as far as they have been reported."""
    database = cluster.create_database("durability")
    fill.migrate(cluster.url(database))

    def reported() -> int:
        return int(cluster.sql("SELECT wal_sync FROM pg_stat_wal")[0][0])

    before = reported()
    server = chat_api(cluster.url(database))
    write_one_by_one(server)
    server.stop()
    # A session reports when it ends, if not earlier.
    deadline = time.monotonic() + 10
    while reported() - before < WRITES and time.monotonic() < deadline:
        time.sleep(0.1)
    return reported() - before
