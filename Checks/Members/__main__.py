"""Removes and adds members while their clients stream from another server, and audits what each client received.

    Scripts/with-postgres python3 -m Checks.Members [--kills N] [--seed N]

Two servers use one PostgreSQL database. Members are removed and added through the first, their clients stream from the
second, and messages are posted through both. Both servers are killed with SIGKILL at random times, and the clients
resume. Afterward, each client's entries are compared with the log: they have no gap, each stream that the server ended
for a member ends with that member's own `member.left`, and no stream goes beyond it. Uses only the standard library;
ends with a line `N passed, M failed`.
"""
import argparse
import os
import random
import secrets
import sys
import time

from Checks.Crash.database import PostgreSQL
from Checks.Crash.service import Service
from Checks.Members.audit import audit
from Checks.Members.clients import KEY_VARIABLE, Chats, working
from Checks.Support.tally import Tally

LONGEST_LIFE = 2.0


class Database(PostgreSQL):
    options = (*PostgreSQL.options, "--stream-heartbeat=1")


def main() -> int:
    parser = argparse.ArgumentParser(prog="Checks.Members", description="Audits streams of members who come and go.")
    parser.add_argument("--kills", type=int, default=10, help="of either server (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the moments (default: random)")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    print(f"seed {options.seed}, {options.kills} kills", flush=True)

    # Every server inherits it.
    os.environ[KEY_VARIABLE] = f"sk_check_{secrets.token_hex(24)}"
    tally = Tally()
    with Database() as database:
        services = [Service(database), Service(database)]
        chats = Chats(*services)
        with working(chats):
            for _ in range(options.kills):
                time.sleep(moments.uniform(0, LONGEST_LIFE))
                for service in moments.choice([services, services[:1], services[1:]]):
                    service.kill()
            time.sleep(LONGEST_LIFE)
        print(chats, flush=True)
        tally.add_all(audit(chats))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
