"""Measures whether the service stays fast as the database grows."""
import contextlib
import os
import tempfile
from collections.abc import Iterator

from Benchmarks import fill
from Benchmarks.aims import Aim, by_name, rate, ratio
from Benchmarks.load import Load
from Benchmarks.rounds import Case, http_case, measure
from Checks.Support import cluster
from Checks.Support.server import chat_api

# The number of messages and of the chats that share them; requests pick chats uniformly at random.
SIZES = {"10 thousand": (10_000, 200), "1 million": (1_000_000, 2_000), "10 million": (10_000_000, 20_000)}
BASE = "10 thousand"
TARGETS = "SQLite", "PostgreSQL"
READS, POSTS = "last 20", "post"
# Reasons for missed targets. The share of the first reads follows from the rates of posts and reads.
REASONS = {
    READS: "with 20,000 chats, a quarter to a third of reads are the first since a post and fetch 20 messages",
    POSTS: "a batch of posts to 20,000 chats writes more pages than one to 200",
}


def run(rounds: int, seconds: int) -> dict:
    with contextlib.ExitStack() as stack:
        # Measure the sizes of one scenario next to each other, since they are compared.
        cases = sorted(prepare(stack), key=lambda case: (case.target, case.scenario.split(",")[0]))
        # Flush what filling has left in memory, so that it is not written during the measurement.
        os.sync()
        measure(cases, rounds, seconds)
    return {"rows": [case.as_json() for case in cases], "aims": [aim.as_json() for aim in aims(cases)]}


def prepare(stack: contextlib.ExitStack) -> Iterator[Case]:
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    for name, (messages, chats) in SIZES.items():
        urls = {
            "SQLite": fill.sqlite(f"{folder}/{messages}.db", messages, chats),
            "PostgreSQL": cluster.url(fill.postgresql(messages, chats)),
        }
        print(f"filled with {name} messages in {chats} chats", flush=True)
        for target in TARGETS:
            server = chat_api(urls[target], "--log-level=notice")
            stack.callback(server.stop)
            for scenario, load in loads(chats).items():
                yield http_case(target, f"{scenario}, {name}", server, load, target == "PostgreSQL")


def loads(chats: int) -> dict[str, Load]:
    return {READS: Load("GET", "/chats/%d", chats), POSTS: Load("POST", "/chats/%d/messages/", chats)}


def aims(cases: list[Case]) -> Iterator[Aim]:
    case = by_name(cases)
    for target in TARGETS:
        for scenario in READS, POSTS:
            for name in SIZES:
                if name != BASE:
                    slowdown = ratio(
                        case(target, f"{scenario}, {BASE}"), case(target, f"{scenario}, {name}"), rate
                    )
                    yield Aim(
                        f"{target}: {scenario} with {BASE} messages to {name}", slowdown, at_most=1.3, moonshot=1.15,
                        reason=REASONS[scenario],
                    )
