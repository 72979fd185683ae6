"""Kills the server under load again and again, and audits the data.

    Scripts/with-postgres python3 -m Checks.Crash [--kills N] [--seed N]

Writers post continuously. Two of three posts have an Idempotency-Key and are retried across restarts until they get a
response; the others are sent once. The server is killed with SIGKILL at random times, and on PostgreSQL so is the
cluster, which recovers. Afterward, every acknowledged post is stored unchanged and once, no rejected post is stored
unless it was retried, nothing else is stored, and the positions are 1 to n. The kernel's cache survives a killed
process, so this says nothing about the disk: `make bench` counts that every response waits for it. Uses only the
standard library; ends with a line `N passed, M failed`.
"""
import argparse
import random
import sys
import time

from Checks.Crash.audit import audit
from Checks.Crash.database import PostgreSQL, SQLite
from Checks.Crash.service import Service
from Checks.Crash.writer import Journal, writing
from Checks.Support.tally import Tally

LONGEST_LIFE = 0.6


def main() -> int:
    parser = argparse.ArgumentParser(prog="make crash", description="Kills the server under load and audits.")
    parser.add_argument("--kills", type=int, default=50, help="on each database (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the moments (default: random)")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    print(f"seed {options.seed}, {options.kills} kills on each database", flush=True)

    tally = Tally()
    for kind in (SQLite, PostgreSQL):
        with kind() as database:
            service, journal = Service(database), Journal()
            with writing(service, journal):
                for _ in range(options.kills):
                    time.sleep(moments.uniform(0, LONGEST_LIFE))
                    moments.choice(database.troubles)(service)
            print(f"{database.name}: {options.kills} kills, {journal}", flush=True)
            tally.add_all(audit(service, journal), database.name)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
