"""Measures the service's rates, next to the HTTP stack alone, PostgreSQL alone, and the service that it replaces."""
import contextlib
import http.client
import secrets
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from Benchmarks import durability, fill
from Benchmarks.aims import Aim, by_name, rate, ratio, server_cpu
from Benchmarks.load import Load
from Benchmarks.pgbench import pgbench_cases
from Benchmarks.rounds import Case, http_case, measure
from Checks.Support import cluster
from Checks.Support.ports import free_port
from Checks.Support.server import BINARY, Server, exchange, sign_token

MESSAGES, CHATS = 10_000, 200
CONSTANT_SERVER = ".build/release/ConstantServer"
REFERENCE = Path("../shared/reference/run")
SCENARIOS = (
    "GET /health/live", f"post, {CHATS} chats", f"post with a token, {CHATS} chats", "post, one chat",
    f"last 20, {CHATS} chats",
)
LIVE, POSTS, TOKEN_POSTS, HOT, READS = SCENARIOS


def run(rounds: int, seconds: int, with_reference: bool) -> dict:
    with contextlib.ExitStack() as stack:
        cases = [*prepare(stack, with_reference and REFERENCE.exists())]
        # Measure the cases of one scenario next to each other, since they are compared.
        cases.sort(key=lambda case: SCENARIOS.index(case.scenario))
        measure(cases, rounds, seconds)
    return {
        "rows": [case.as_json() | {"relative_cpu": to_constant(case, cases)} for case in cases],
        "aims": [aim.as_json() for aim in aims(cases)],
        "durability": durability.prove(),
    }


def prepare(stack: contextlib.ExitStack, with_reference: bool) -> Iterator[Case]:
    constant = Server(CONSTANT_SERVER)
    stack.callback(constant.stop)
    yield http_case("constant answer", LIVE, constant, Load("GET", "/constant"))

    folder = stack.enter_context(tempfile.TemporaryDirectory())
    environment = {"CHAT_JWT_SECRET": secrets.token_hex(32)}
    token = sign_token(environment, "--user=bench", "--grant=*=member")
    sqlite = start(fill.sqlite(f"{folder}/chat.db", MESSAGES, CHATS), environment)
    stack.callback(sqlite.stop)
    yield from chat_cases("SQLite", sqlite, "/health/live", token)

    postgresql = start(cluster.url(fill.postgresql(MESSAGES, CHATS)), environment)
    stack.callback(postgresql.stop)
    yield from chat_cases("PostgreSQL", postgresql, "/health/live", token, on_postgresql=True)

    yield from pgbench_cases(POSTS, fill.postgresql(MESSAGES, CHATS), CHATS)
    if with_reference:
        reference = start_reference()
        stack.callback(reference.stop)
        yield from chat_cases("FastAPI reference", reference, "/hello", on_postgresql=True)


def start(url: str, environment: dict[str, str]) -> Server:
    """A server that checks credentials and needs none."""
    return Server(
        BINARY, "serve", "--port=0", f"--database-url={url}", "--auth=open", "--log-level=notice",
        environment=environment,
    )


def start_reference() -> Server:
    database = cluster.create_database("reference")
    # It does not print its port, so it cannot pick a free one itself.
    port = free_port()
    server = Server(str(REFERENCE), str(port), environment={
        "DATABASE_URL": cluster.url(database, scheme="postgresql+psycopg2"),
        "REFERENCE_VENV": str(Path(".build/venvs/reference").resolve()),
    })
    fill.reference(database, MESSAGES, CHATS)
    # It reports that it is running before its workers are ready.
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return server
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def chat_cases(
    target: str, server: Server, health: str, token: str | None = None, on_postgresql: bool = False,
) -> Iterator[Case]:
    """The cases of one server, after checking one response of each; raises `RuntimeError` if it is wrong."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    hot = exchange(connection, "POST", "/chats/", {"title": "hot"})[2]["id"]
    loads = {
        LIVE: Load("GET", health),
        POSTS: Load("POST", "/chats/%d/messages/", CHATS),
        **({TOKEN_POSTS: Load("POST", "/chats/%d/messages/", CHATS, token)} if token else {}),
        HOT: Load("POST", f"/chats/{hot}/messages/"),
        READS: Load("GET", "/chats/%d", CHATS),
    }
    for scenario, load in loads.items():
        status, _, answer = exchange(connection, load.method, load.path.replace("%d", "1"), load.body, load.headers)
        if status != (201 if load.body else 200) or len(answer.get("messages", [0] * 20)) != 20:
            raise RuntimeError(f"{target}, {scenario}: {status} {answer}")
        yield http_case(target, scenario, server, load, on_postgresql)
    connection.close()


def to_constant(case: Case, cases: list[Case]) -> float | None:
    """CPU per request relative to the constant response; None if the target is not an HTTP server."""
    constant = by_name(cases)("constant answer", LIVE)
    return None if case.median("server_cpu") is None else ratio(case, constant, server_cpu)


# CPU per request relative to the constant response: the upper bound and the moonshot.
CPU_BOUNDS = {
    "SQLite": {LIVE: (0.75, 0.65), POSTS: (2.3, 1.9), READS: (1.65, 1.4)},
    "PostgreSQL": {LIVE: (0.75, 0.65), POSTS: (1.8, 1.5), READS: (1.65, 1.4)},
}
# Known reasons for missed targets, each with the limit: the part of the CPU time, to constant, that is spent in the kernel
# and in libraries (`perf record` of the server). Without a reason, a missed target shows as MISSED.
READS_REASON = "each read asks the database where the chat's log ends"
REASONS = {
    ("SQLite", LIVE): "the kernel, NIO and Hummingbird alone take 0.57",
    ("PostgreSQL", LIVE): "the kernel, NIO and Hummingbird alone take 0.57",
    ("SQLite", POSTS): "the kernel, NIO, Hummingbird, GRDB and SQLite alone take 2.0",
    ("PostgreSQL", POSTS): "the kernel, NIO, Hummingbird and libpq alone take 1.2",
    ("SQLite", READS): f"{READS_REASON}; the kernel and libraries alone take 1.2",
    ("PostgreSQL", READS): f"{READS_REASON}; the kernel and libraries alone take 1.0",
}


def aims(cases: list[Case]) -> Iterator[Aim]:
    case = by_name(cases)
    for target, bounds in CPU_BOUNDS.items():
        for scenario, (bound, moonshot) in bounds.items():
            value = to_constant(case(target, scenario), cases)
            yield Aim(f"{target}: CPU of {scenario} to constant", value, None, bound, moonshot, REASONS[target, scenario])
        posts, token_posts, hot = (case(target, scenario) for scenario in (POSTS, TOKEN_POSTS, HOT))
        yield Aim(
            f"{target}: CPU of a post with a token to one without", ratio(token_posts, posts, server_cpu), at_most=1.05
        )
        # 1.0, minus some tolerance for noise.
        yield Aim(f"{target}: posts to one chat to posts to {CHATS}", ratio(hot, posts, rate), at_least=0.95)
        for posting in posts, hot:
            tail = statistics.median(sample.p99 / sample.p50 for sample in posting.samples)
            yield Aim(f"{target}: p99 to p50 of {posting.scenario}", tail, at_most=4)
    posts, last = (case("PostgreSQL", scenario) for scenario in (POSTS, READS))
    bare = ratio(posts, case("pgbench, bare table", POSTS), rate)
    yield Aim(
        "PostgreSQL: posts to pgbench's inserts into a bare table", bare, at_least=0.8, moonshot=1.2,
        reason="a post also updates its chat's row",
    )
    if reference := case("FastAPI reference", POSTS):
        cpu = ratio(reference, posts, lambda sample: sample.server_cpu + sample.database_cpu)
        yield Aim(
            "PostgreSQL: posts to the reference", ratio(posts, reference, rate), at_least=35, moonshot=60,
            reason=f"the load generator shares the cores; in CPU, server and database, the ratio is {cpu:.0f}",
        )
        yield Aim(
            "PostgreSQL: last 20 to the reference",
            ratio(last, case("FastAPI reference", READS), rate), at_least=30, reason=READS_REASON,
        )
