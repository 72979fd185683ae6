"""Kills servers while they deliver to webhooks, and audits what the receiver got.

    Scripts/with-postgres python3 -m Checks.Webhooks [--kills N] [--life SECONDS] [--writers N]
        [--database sqlite|postgresql] [--seed N]

Writers post continuously, and repeat each post until it is acknowledged. Two webhooks deliver every chat's log to a
receiver, which rejects half of the requests of one of them. The server is killed with SIGKILL again and again and
restarted at once; on PostgreSQL, there are two, either or both are killed, and the writers move between them.
Afterward, both webhooks have received every acknowledged message, the entries of each chat in order and without gaps,
again only in a request with the same id, and signed so that the library standardwebhooks accepts it. Ends with a line
`N passed, M failed`.
"""
import argparse
import random
import sys
import threading
import time

from Checks.Crash import database
from Checks.Crash.service import Service
from Checks.Support.server import exchange
from Checks.Support.tally import Tally
from Checks.Webhooks.audit import audit
from Checks.Webhooks.receiver import Receiver
from Checks.Webhooks.writers import Writer

CHATS = 8
# A lease lasts 15 s; then come retries.
TIMEOUT = 90.0


class SQLite(database.SQLite):
    servers = 1


class PostgreSQL(database.PostgreSQL):
    servers = 2


def play(services: list[Service], receiver: Receiver, options: argparse.Namespace, moments: random.Random):
    """Posts and kills, and returns the writers and the chats' last positions once everything should be delivered."""
    connection = services[0].connect()
    for path in ("/steady", "/flaky"):
        body = {"url": f"http://127.0.0.1:{receiver.port}{path}"}
        status, _, webhook = exchange(connection, "POST", "/webhooks", body)
        assert status == 201, webhook
        receiver.add(path, webhook["id"], webhook["secret"])
    chats = [exchange(connection, "POST", "/chats/", {"title": "webhooks"})[2]["id"] for _ in range(CHATS)]
    connection.close()

    stopping = threading.Event()
    writers = [Writer(number, services, chats) for number in range(options.writers)]
    threads = [threading.Thread(target=writer.run, args=(stopping,), daemon=True) for writer in writers]
    for thread in threads:
        thread.start()
    for number in range(options.kills):
        time.sleep(moments.uniform(0.3, options.life))
        # The first kill stops all servers, so also the one that delivers.
        for service in services if number == 0 else moments.choice([services, services[:1], services[-1:]]):
            service.kill()
    time.sleep(options.life)
    stopping.set()
    for thread in threads:
        thread.join()

    connection = services[0].connect()
    ends = {chat: exchange(connection, "GET", f"/chats/{chat}?limit=1")[2]["last_seq"] for chat in chats}
    connection.close()
    start = time.monotonic()
    while not receiver.has_all(ends) and time.monotonic() - start < TIMEOUT:
        time.sleep(0.1)
    return writers, ends, time.monotonic() - start


def main() -> int:
    parser = argparse.ArgumentParser(prog="Checks.Webhooks", description="Kills servers that deliver, and audits.")
    parser.add_argument("--kills", type=int, default=2, help="on each database (default: %(default)s)")
    parser.add_argument("--life", type=float, default=1.5, help="most seconds between kills (default: %(default)s)")
    parser.add_argument("--writers", type=int, default=4, help="on each database (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the moments (default: random)")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="default: both, one after the other")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    print(f"seed {options.seed}, {options.kills} kills on each database", flush=True)

    tally = Tally()
    for kind in (SQLite, PostgreSQL):
        if options.database not in (None, kind.name.lower()):
            continue
        with kind() as store, Receiver(options.seed) as receiver:
            services = [Service(store) for _ in range(kind.servers)]
            writers, ends, delay = play(services, receiver, options, moments)
            count = sum(len(writer.acknowledged) for writer in writers)
            print(f"{kind.name}: {options.kills} kills, {count} messages, {receiver}, all of it {delay:.1f} s after the "
                  "last message", flush=True)
            tally.add_all(audit(writers, receiver, ends, services), kind.name)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
