"""Provokes faults of a Citus cluster under load, and audits what became of the acknowledged posts.

    CITUS_WORKERS=3 Scripts/with-citus python3 -m Checks.Faults.citus

The chats are distributed over two workers, and one writer per chat retries each post under its Idempotency-Key until it
is acknowledged. A worker is stopped or killed; shards are moved; a third worker joins and the cluster is rebalanced;
the coordinator or the server is killed. While a worker is down, only its chats may return 503, and they recover on their
own. Nothing acknowledged may be lost, no post may be stored twice, and positions are 1 to n. Uses only the standard
library and PostgreSQL's programs; ends with a line `N passed, M failed`.
"""
import itertools
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from Checks.Faults.clusters import Instance, report, request, run, wait
from Checks.Faults.writers import Writers
from Checks.Support.server import BINARY, Server, chat_api

CHATS, SHARDS, KILLS, MOVES = 40, 12, 5, 2
# Citus completes the transactions that a failed worker had prepared only once a minute.
DEADLINE = 240

URL = os.environ["TEST_CITUS_URL"]


def node(name: str, url: str) -> Instance:
    return Instance(Path(os.environ["TEST_CITUS_FOLDER"]) / name, urlsplit(url).port)


COORDINATOR = node("coordinator", URL)
WORKERS = [node(f"worker{number}", url) for number, url in enumerate(os.environ["TEST_CITUS_WORKERS"].split(), 1)]


def sql(statement: str) -> str:
    return COORDINATOR.sql(statement, "chat")


def place(worker: Instance) -> str:
    return f"'127.0.0.1', {worker.port}"


def shards() -> dict[int, tuple[int, int]]:
    """The shard of `chats` that stores each chat, and the port of its worker."""
    rows = sql("""
        SELECT id, shardid, nodeport
        FROM (SELECT id, get_shard_id_for_distribution_column('chats', id) AS shardid FROM chats) AS chat
        JOIN pg_dist_shard_placement USING (shardid)
        """)
    return {chat: (shard, port) for chat, shard, port in (map(int, row.split("|")) for row in rows.splitlines())}


class Readers:
    """A thread that reads chats until `stop`, and counts the responses."""

    def __init__(self, server: Server, chats: list[int], expected: int) -> None:
        self.server, self.chats, self.expected = server, chats, expected
        self.rounds, self.count, self.unexpected, self.is_over = 0, 0, [], False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while not self.is_over:
            for chat in self.chats:
                status, _, answer = request(self.server, "GET", f"/chats/{chat}")
                self.count += 1
                if status != self.expected:
                    self.unexpected.append(f"chat {chat} got {status} {answer}")
            self.rounds += 1

    def stop(self) -> list[str]:
        """Stops the thread, and returns a problem if a response was another than the expected one."""
        problems = wait(f"two rounds of reads that return {self.expected}", lambda: self.rounds >= 2, DEADLINE)
        self.is_over = True
        self.thread.join()
        count = len(self.unexpected)
        return problems + [f"{count} of {self.count} reads: {self.unexpected[0]}"] if count else problems


@dataclass
class Service:
    server: Server
    writers: Writers

    def lose_worker(self, stop: Callable[[Instance], None]) -> list[str]:
        worker, chats = WORKERS[0], self.writers.chats
        ports = {chat: port for chat, (_, port) in shards().items()}
        down = [chat for chat in chats if ports[chat] == worker.port]
        up = [chat for chat in chats if ports[chat] != worker.port]
        stop(worker)
        try:
            # From now on, no read of the worker's chats can succeed.
            readers = Readers(self.server, up, 200), Readers(self.server, down, 503)
            self.writers.wait_for_each(up)
            problems = [problem for reader in readers for problem in reader.stop()]
        finally:
            worker.start()
        started = time.monotonic()
        self.writers.wait_for_each(chats)
        recovered = time.monotonic() - started
        failed = {chat: sum(self.writers.rejections_by_chat[chat, code] for code in self.writers.rejections)
                  for chat in chats}
        healthy = sum(failed[chat] for chat in up)
        print(f"  {len(up)} chats on healthy workers, {healthy} failed posts, a pause of {self.pause(up):.1f} s; "
              f"{len(down)} chats on the other, all available {recovered:.1f} s after its start", flush=True)
        if healthy:
            codes = {code: count for code in self.writers.rejections
                     if (count := sum(self.writers.rejections_by_chat[chat, code] for chat in up))}
            problems.append(f"{healthy} posts to chats on healthy workers failed: {codes}")
        if missing := [chat for chat in down if not failed[chat]]:
            problems.append(f"no post failed to the chats {missing}, whose worker was down")
        return problems

    def pause(self, chats: list[int]) -> float:
        """The longest time between two acknowledged posts to one of the chats."""
        times = ([post.acknowledged for post in self.writers.acknowledged if post.chat == chat] for chat in chats)
        return max(later - earlier for some in times for earlier, later in itertools.pairwise(sorted(some)))

    def move_shards(self, mode: str) -> list[str]:
        """Moves shards with chats from one worker to another."""
        source, target = WORKERS[:2]
        sources = {shard for shard, port in shards().values() if port == source.port}
        moved = sorted(sources)[:MOVES]
        for shard in moved:
            sql(f"SELECT citus_move_shard_placement({shard}, {place(source)}, {place(target)}, '{mode}')")
        places = dict(shards().values())
        problems = [f"shard {shard} did not move" for shard in moved if places[shard] != target.port]
        return problems + ([] if len(moved) == MOVES else [f"only {len(moved)} shards to move"])

    def add_worker(self) -> list[str]:
        new = WORKERS[-1]
        sql(f"SELECT citus_add_node({place(new)})")
        sql("SELECT citus_rebalance_start(shard_transfer_mode => 'force_logical')")
        sql("SELECT citus_rebalance_wait()")
        count = sum(port == new.port for _, port in set(shards().values()))
        print(f"  {count} shards with chats on the new worker", flush=True)
        return [] if count else ["the new worker has no shard"]

    def kill_coordinator(self) -> list[str]:
        for _ in range(KILLS):
            COORDINATOR.kill()
            COORDINATOR.start()
            self.writers.wait_for_each(self.writers.chats, 1)
        return [] if self.writers.rejections else ["the kills met no request"]

    def kill_server(self) -> list[str]:
        self.writers.expects_broken = True
        for _ in range(KILLS):
            self.server.kill()
            self.server = self.writers.server = start_server()
            self.writers.wait_for_each(self.writers.chats, 1)
        return [] if self.writers.broken else ["the kills met no request"]


def start_server() -> Server:
    return chat_api(URL, "--log-level=notice")


def check(_: Path, make_trouble: Callable[[Service], list[str]]) -> list[str]:
    server = start_server()
    service = Service(server, Writers(server, CHATS, CHATS, DEADLINE))
    try:
        service.writers.wait_for_each(service.writers.chats)
        problems = make_trouble(service)
        service.writers.wait_for_each(service.writers.chats)
        service.writers.stop()
        print(f"  a pause of {service.pause(service.writers.chats):.1f} s in one chat", flush=True)
        found, lost = service.writers.audit(COORDINATOR)
        problems += [f"{len(lost)} acknowledged posts are lost"] if lost else []
        return problems + service.writers.problems + found + service.server.failures
    finally:
        service.server.kill()


def distribute() -> None:
    """Distributes a new database over all workers except the last."""
    sql(f"SELECT citus_remove_node({place(WORKERS[-1])})")
    sql(f"ALTER DATABASE chat SET citus.shard_count = {SHARDS}")
    binary = str(Path(BINARY).resolve())
    run(binary, "migrate", "upgrade", f"--database-url={URL}")
    run(binary, "distribute", f"--database-url={URL}")


CHECKS = {
    "a worker stopped": partial(check, make_trouble=partial(Service.lose_worker, stop=Instance.stop)),
    "a worker killed": partial(check, make_trouble=partial(Service.lose_worker, stop=Instance.kill)),
    "shards moved": partial(check, make_trouble=partial(Service.move_shards, mode="force_logical")),
    "shards moved while writes wait": partial(check, make_trouble=partial(Service.move_shards, mode="block_writes")),
    "a worker added": partial(check, make_trouble=Service.add_worker),
    "the coordinator killed": partial(check, make_trouble=Service.kill_coordinator),
    "the server killed": partial(check, make_trouble=Service.kill_server),
}

if __name__ == "__main__":
    if len(WORKERS) != 3:
        sys.exit("Checks.Faults.citus: needs CITUS_WORKERS=3")
    distribute()
    sys.exit(report(CHECKS))
