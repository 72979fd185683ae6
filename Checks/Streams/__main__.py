"""Kills servers while messages are written and read, and audits what each reader saw.

    Scripts/with-postgres python3 -m Checks.Streams [--kills N] [--life SECONDS] [--writers N] [--readers N]
        [--database sqlite|postgresql] [--seed N]

Each writer writes one message piece by piece, by the writer's rule: most end it, some vanish, and some are canceled from
elsewhere. Readers stream the chats, and half of them reload at random moments. The server is killed with SIGKILL again
and again and restarted at once; on PostgreSQL, there are two, either or both are killed, and the writers move between
them. At any time, each text that a reader sees is the beginning of what was written. Afterward, every message has ended
as it should and within its time, with two entries in the log; nothing that was stored is missing; and every reader has the
same texts. Uses only the standard library; ends with a line `N passed, M failed`.
"""
import argparse
import asyncio
import random
import resource
import sys
import time

from Checks.Crash import database
from Checks.Crash.service import Service
from Checks.Streams.audit import MARGIN, audit
from Checks.Streams.connection import TIMEOUT, Connection
from Checks.Streams.readers import Reader
from Checks.Streams.writers import SHORT_TTL, Writer
from Checks.Support.tally import Tally

# Messages that are open in a chat at once; the server's limit is 16.
WRITERS_PER_CHAT = 10
# Of ten writers, one vanishes and one is canceled.
FATES = ["done", "done", "vanished", "done", "done", "done", "done", "cancelled", "done", "done"]
# Events per second for all readers together, which this program can read.
EVENTS = 5_000
OPTIONS = ("--max-streams-per-address=8000",)


class SQLite(database.SQLite):
    options = (*database.SQLite.options, *OPTIONS)
    servers = 1


class PostgreSQL(database.PostgreSQL):
    options = (*database.PostgreSQL.options, *OPTIONS)
    servers = 2


class Scene:
    """The writers and readers of some chats."""

    def __init__(self, services: list[Service], chats: list[int], writers: int, readers: int) -> None:
        self.services, self.chats = services, chats
        # When servers were killed, and when they were back.
        self.kills: list[tuple[float, float]] = []
        pause = max(0.02, WRITERS_PER_CHAT * readers / EVENTS)
        self.writers = [
            Writer(f"writer-{number}", chats[number % len(chats)], FATES[number % len(FATES)], pause, services)
            for number in range(writers)
        ]
        by_key = {writer.key: writer for writer in self.writers}
        self.readers = [
            Reader(chats[number % len(chats)], by_key, services, reloads=number // len(chats) % 2 == 0)
            for number in range(readers)
        ]

    def __str__(self) -> str:
        appends, losses = (sum(each) for each in zip(*((writer.appends, writer.losses) for writer in self.writers)))
        views, cuts, pieces = (sum(each) for each in zip(*((r.views, r.cuts, r.pieces) for r in self.readers)))
        return (f"{appends} appends to {len(self.writers)} messages, of which {losses} went back, {views} streams of "
                f"{len(self.readers)} readers, {cuts} of them cut off, and {pieces} pieces read")

    async def play(self, moments: random.Random, kills: int, longest_life: float) -> dict[int, list[dict]]:
        """Kills the servers while all write and read, and returns the logs once everyone has arrived at their ends."""
        stopping, settling = asyncio.Event(), asyncio.Event()
        readers = [asyncio.create_task(reader.run(settling)) for reader in self.readers]
        writers = [asyncio.create_task(writer.run(stopping)) for writer in self.writers]
        writers += [asyncio.create_task(writer.cancel()) for writer in self.writers if writer.fate == "cancelled"]
        for _ in range(kills):
            await asyncio.sleep(moments.uniform(0, longest_life))
            victims = moments.choice([self.services, self.services[:1], self.services[-1:]])
            killed = time.time()
            await asyncio.gather(*(asyncio.to_thread(service.kill) for service in victims))
            self.kills.append((killed, time.time()))
        await asyncio.sleep(longest_life)
        stopping.set()
        await asyncio.gather(*writers)
        logs = await self.final_logs()
        settling.set()
        await self.wait_for_readers({chat: len(log) for chat, log in logs.items()})
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)
        return logs

    async def final_logs(self) -> dict[int, list[dict]]:
        """Waits until no message is open, or should not be any more."""
        connection = Connection(self.services)
        deadline = time.monotonic() + SHORT_TTL + MARGIN
        while True:
            logs = {chat: await self.log(connection, chat) for chat in self.chats}
            is_over = all(entry["message"]["state"] != "open" for log in logs.values() for entry in log)
            if is_over or time.monotonic() > deadline:
                connection.close()
                return logs
            await asyncio.sleep(0.2)

    async def log(self, connection: Connection, chat: int) -> list[dict]:
        entries: list[dict] = []
        while True:
            path = f"/chats/{chat}/log?after={len(entries)}&limit=100"
            page = (await connection.request("GET", path))[1]
            entries += page["entries"]
            if len(entries) == page["last_seq"]:
                return entries

    async def wait_for_readers(self, ends: dict[int, int]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while any(reader.position != ends[reader.chat] for reader in self.readers) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)


async def run(services: list[Service], options: argparse.Namespace, moments: random.Random):
    connection = Connection(services)
    count = -(-options.writers // WRITERS_PER_CHAT)
    chats = [(await connection.request("POST", "/chats/", {"title": "streams"}))[1]["id"] for _ in range(count)]
    connection.close()
    scene = Scene(services, chats, options.writers, options.readers)
    logs = await scene.play(moments, options.kills, options.life)
    return scene, logs


def main() -> int:
    parser = argparse.ArgumentParser(prog="Checks.Streams", description="Kills servers while messages grow, and audits.")
    parser.add_argument("--kills", type=int, default=3, help="on each database (default: %(default)s)")
    parser.add_argument("--life", type=float, default=2.0, help="most seconds between kills (default: %(default)s)")
    parser.add_argument("--writers", type=int, default=20, help="on each database (default: %(default)s)")
    parser.add_argument("--readers", type=int, default=100, help="on each database (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the moments (default: random)")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="default: both, one after the other")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    print(f"seed {options.seed}, {options.kills} kills on each database", flush=True)
    # Each reader has a connection, of which this process has one end and a server the other.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    tally = Tally()
    for kind in (SQLite, PostgreSQL):
        if options.database not in (None, kind.name.lower()):
            continue
        with kind() as store:
            services = [Service(store) for _ in range(kind.servers)]
            scene, logs = asyncio.run(run(services, options, moments))
            print(f"{kind.name}: {options.kills} kills, {scene}", flush=True)
            tally.add_all(audit(scene.writers, scene.readers, logs, scene.kills, services), kind.name)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
