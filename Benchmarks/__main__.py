"""Measures the service; see docs/performance.md.

    Scripts/with-postgres python3 -m Benchmarks [--rounds N] [--seconds N] [--growth | --live [--streams N] | --inbox [--chats N] | --replies] [--publish]

Uses only the standard library; wrk, pgbench and Benchmarks/streams.py generate the load. Fails if a response is not a
success, a write does not wait for the disk, a stream skips an entry, or, without --no-aims, a target is missed.
"""
import argparse
import datetime
import sys
from pathlib import Path

from Benchmarks import growth, inbox, live, machine, replies, report, serving
from Benchmarks.tables import section


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description="Measures the service.")
    parser.add_argument("--rounds", type=int, default=5, help="rounds over all cases (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="seconds per case and round (default: %(default)s)")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--growth", action="store_true", help="measure with up to 10 million messages instead")
    other.add_argument("--live", action="store_true", help="measure live streams instead")
    other.add_argument("--inbox", action="store_true", help="measure a user's chats and inbox instead")
    other.add_argument("--replies", action="store_true", help="measure messages that are read while they are written")
    parser.add_argument("--chats", type=int, default=5_000, help="the user's chats with --inbox (default: %(default)s)")
    parser.add_argument("--streams", type=int, default=10_000, help="streams to open with --live (default: %(default)s)")
    parser.add_argument("--publish", action="store_true", help="write the results to docs/ instead of .build/bench/")
    parser.add_argument("--no-reference", action="store_true", help="skip the FastAPI reference")
    parser.add_argument("--no-aims", action="store_true", help="succeed even if a target is missed")
    options = parser.parse_args()

    if options.growth:
        name, result = "growth", growth.run(options.rounds, options.seconds)
    elif options.live:
        name, result = "live", live.run(options.rounds, options.seconds, options.streams)
    elif options.inbox:
        name, result = "inbox", inbox.run(options.rounds, options.seconds, options.chats, not options.no_reference)
    elif options.replies:
        name, result = "replies", replies.run(options.rounds, options.seconds)
    else:
        name, result = "serving", serving.run(options.rounds, options.seconds, not options.no_reference)
    result |= {
        "measured_on": datetime.date.today().isoformat(), "rounds": options.rounds, "seconds": options.seconds,
        "machine": machine.describe(),
    }
    print("\n" + section(result))
    report.write(name, result, report.PAGE.parent if options.publish else Path(".build/bench"))

    missed = [] if options.no_aims else [aim["name"] for aim in result["aims"] if not aim["reached"]]
    missed += [f"durability on {proof['database']}" for proof in result.get("durability", []) if not proof["reached"]]
    missed += ["a slow subscriber missed entries" for proof in result.get("slow", []) if not proof["reached"]]
    if missed:
        print(f"\nMISSED: {'; '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
