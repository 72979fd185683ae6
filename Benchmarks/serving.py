"""How fast the service answers, beside the HTTP stack alone, PostgreSQL alone, and the service that it replaces."""
import contextlib
import http.client
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from Benchmarks import durability, fill
from Benchmarks.aims import Aim, by_name, rate, ratio, server_cpu
from Benchmarks.load import Load
from Benchmarks.pgbench import pgbench_case
from Benchmarks.rounds import Case, http_case, measure
from Tests.Support import cluster
from Tests.Support.server import Server, chat_api, exchange

MESSAGES, CHATS = 10_000, 200
CONSTANT_SERVER = ".build/release/ConstantServer"
REFERENCE = Path("../shared/reference/run")
SCENARIOS = "GET /health/live", f"post, {CHATS} chats", "post, one chat", f"last 20, {CHATS} chats"
LIVE, POSTS, HOT, READS = SCENARIOS


def run(rounds: int, seconds: int, with_reference: bool) -> dict:
    with contextlib.ExitStack() as stack:
        cases = [*prepare(stack, with_reference and REFERENCE.exists())]
        # What is compared is measured side by side.
        cases.sort(key=lambda case: SCENARIOS.index(case.scenario))
        measure(cases, rounds, seconds)
    return {
        "rows": [case.as_json() for case in cases],
        "aims": [aim.as_json() for aim in aims(cases)],
        "durability": durability.prove(),
    }


def prepare(stack: contextlib.ExitStack, with_reference: bool) -> Iterator[Case]:
    constant = Server(CONSTANT_SERVER)
    stack.callback(constant.stop)
    yield http_case("constant answer", LIVE, constant, Load("GET", "/constant"))

    folder = stack.enter_context(tempfile.TemporaryDirectory())
    sqlite = chat_api(fill.sqlite(f"{folder}/chat.db", MESSAGES, CHATS), "--log-level=notice")
    stack.callback(sqlite.stop)
    yield from chat_cases("SQLite", sqlite, "/health/live")

    postgresql = chat_api(cluster.url(fill.postgresql(MESSAGES, CHATS)), "--log-level=notice")
    stack.callback(postgresql.stop)
    yield from chat_cases("PostgreSQL", postgresql, "/health/live", on_postgresql=True)

    yield pgbench_case(POSTS, fill.postgresql(MESSAGES, CHATS), CHATS)
    if with_reference:
        reference = start_reference()
        stack.callback(reference.stop)
        yield from chat_cases("FastAPI reference", reference, "/hello", on_postgresql=True)


def start_reference() -> Server:
    database = cluster.create_database("reference")
    # It does not tell the port that it was given.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    server = Server(str(REFERENCE), str(port), environment={
        "DATABASE_URL": cluster.url(database, scheme="postgresql+psycopg2"),
        "REFERENCE_VENV": str(Path(".build/venvs/reference").resolve()),
    })
    fill.reference(database, MESSAGES, CHATS)
    # It says that it is running before its workers are.
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def chat_cases(target: str, server: Server, health: str, on_postgresql: bool = False) -> Iterator[Case]:
    """Raises `RuntimeError` where an answer is not what it is to be."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    hot = exchange(connection, "POST", "/chats/", {"title": "hot"})[2]["id"]
    loads = {
        LIVE: Load("GET", health),
        POSTS: Load("POST", "/chats/%d/messages/", CHATS),
        HOT: Load("POST", f"/chats/{hot}/messages/"),
        READS: Load("GET", "/chats/%d", CHATS),
    }
    for scenario, load in loads.items():
        status, _, answer = exchange(connection, load.method, load.path.replace("%d", "1"), load.body)
        if status != (201 if load.body else 200) or len(answer.get("messages", [0] * 20)) != 20:
            raise RuntimeError(f"{target}, {scenario}: {status} {answer}")
        yield http_case(target, scenario, server, load, on_postgresql)
    connection.close()


def aims(cases: list[Case]) -> Iterator[Aim]:
    case = by_name(cases)
    for target, reads in ("SQLite", 0.6), ("PostgreSQL", 0.45):
        live, posts, hot, last = (case(target, scenario) for scenario in SCENARIOS)
        constant = case("constant answer", LIVE)
        yield Aim(f"{target}: CPU of health/live to a constant answer", ratio(live, constant, server_cpu), at_most=1.15)
        yield Aim(f"{target}: posts to health/live", ratio(posts, live, rate), at_least=0.5)
        yield Aim(f"{target}: last 20 to health/live", ratio(last, live, rate), at_least=reads)
        # 1.0, less what noise takes.
        yield Aim(f"{target}: posts to one chat to posts to {CHATS}", ratio(hot, posts, rate), at_least=0.95)
        for posting in posts, hot:
            tail = statistics.median(sample.p99 / sample.p50 for sample in posting.samples)
            yield Aim(f"{target}: p99 to p50 of {posting.scenario}", tail, at_most=4)
    posts, last = (case("PostgreSQL", scenario) for scenario in (POSTS, READS))
    yield Aim("PostgreSQL: posts to pgbench", ratio(posts, case("pgbench", POSTS), rate), at_least=1.2)
    if reference := case("FastAPI reference", POSTS):
        yield Aim("PostgreSQL: posts to the reference", ratio(posts, reference, rate), at_least=30)
        yield Aim(
            "PostgreSQL: last 20 to the reference",
            ratio(last, case("FastAPI reference", READS), rate), at_least=30,
        )
