"""Runs scenarios of faults with the real clients and the real server, and audits what each client received and sent.

    python3 -m Checks.Clients [--client NAME] [--database sqlite] [--scenario TEXT] [--random N] [--seed N]
    Scripts/with-postgres python3 -m Checks.Clients --database postgresql

Runs the scenarios of scenarios.json, then N random ones; the random scenario of a seed is always the same, but not the
moments at which clients and server meet. Each client runs in its driver, a program that only passes commands and events
on, behind a proxy that makes the faults. Once they have ended and everything has settled, each client has received
every entry of the logs in order and once, every message that it calls sent is in the log once and in order, its inbox
shows what `GET /chats/` does, and it has asked for tokens only when it needed one. `--broken` runs drivers that break
these rules, and expects the audit to find each. Uses only the standard library; ends with a line `N passed, M failed`.
"""
import argparse
import asyncio
import contextlib
import json
import pathlib
import random
import shlex
import sys
import tempfile
import time

from Checks.Clients import broken, generator
from Checks.Clients.backend import Backend, set_secrets
from Checks.Clients.harness import Run

FOLDER = pathlib.Path(__file__).parent
DRIVERS = {
    "javascript": "node Checks/Clients/javascript/driver.mjs",
    "python": f"env PYTHONPATH=clients/python/src {sys.executable} Checks/Clients/python/driver.py",
    "swift": ".build/debug/ClientDriver",
}
# Seconds within which everything settles: generous, because machines are slow. What a broken driver breaks never does.
PATIENCE, BROKEN_PATIENCE = 30.0, 3.0
SHOWN_EVENTS, SHOWN_PROBLEMS = 40, 5


def main() -> int:
    options = parse()
    set_secrets()
    passed = failed = 0
    with database(options.database) as url:
        for name, scenario, seed, command, expected in runs(options):
            start = time.monotonic()
            problems, events = run(scenario, Backend(url), command, seed, BROKEN_PATIENCE if expected else PATIENCE)
            is_good = any(expected in problem for problem in problems) if expected else not problems
            passed, failed = passed + is_good, failed + (not is_good)
            if options.trace or not is_good:
                print("\n".join(events if options.trace else events[-SHOWN_EVENTS:]))
            if not is_good:
                print(f"FAILED  {name}: {'; '.join(problems[:SHOWN_PROBLEMS]) or 'no problem found'}", flush=True)
            elif options.verbose:
                print(f"passed  {name} ({time.monotonic() - start:.1f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="Checks.Clients", description="Audits clients under faults.")
    parser.add_argument("--client", choices=[*DRIVERS], action="append", help="which to test (default: all)")
    parser.add_argument("--driver", metavar="NAME=COMMAND", action="append", default=[], help="how to start a driver")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--scenario", metavar="TEXT", help="only the scenarios whose name contains this")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="how many random scenarios to run")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the first (default: random)")
    parser.add_argument("--only-random", action="store_true", help="leave out scenarios.json")
    parser.add_argument("--broken", action="store_true", help="run broken drivers instead, which the audit must find")
    parser.add_argument("--trace", action="store_true", help="print all events of each run")
    parser.add_argument("--verbose", action="store_true", help="print what passes, too")
    return parser.parse_args()


def runs(options: argparse.Namespace):
    """Yields each run: its name, scenario, seed and driver, and the problem of a broken one."""
    commands = DRIVERS | dict(driver.split("=", 1) for driver in options.driver)
    scenarios = [] if options.only_random else json.loads((FOLDER / "scenarios.json").read_text())
    for client in options.client or [*commands]:
        command = shlex.split(commands[client])
        if options.broken:
            for name, fault in broken.FAULTS.items():
                yield f"{client} that {name}", fault.scenario, 0, broken.wrap(name, command), fault.problem
            continue
        for scenario in scenarios:
            if (options.scenario or "") in scenario["name"]:
                yield f"{client}: {scenario['name']}", scenario, 0, command, None
        for seed in range(options.seed, options.seed + options.random):
            scenario = generator.scenario(seed)
            yield f"{client}: --only-random --random 1 --seed {seed}", scenario, seed, command, None


def run(
    scenario: dict, backend: Backend, command: list[str], seed: int, patience: float,
) -> tuple[list[str], list[str]]:
    """Returns the problems and the trace."""
    with tempfile.TemporaryDirectory() as folder:
        started = Run(scenario, backend, command, pathlib.Path(folder), seed, patience)
        return asyncio.run(started.perform()), started.events


@contextlib.contextmanager
def database(kind: str):
    """The URL of an empty database."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/chat.db"
        return
    from Checks.Support import cluster  # only Scripts/with-postgres can import it
    name = cluster.create_database("clients")
    yield cluster.url(name)
    cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    sys.exit(main())
