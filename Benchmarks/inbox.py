"""Measures what an app's first screen costs: a user's chats, the inbox after an absence, and posts to many members."""
import contextlib
import http.client
import json
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator

from Benchmarks import fill, processes
from Benchmarks.aims import Aim, by_name, ratio, server_cpu
from Benchmarks.load import Load
from Benchmarks.rounds import Case, Sample, http_case, measure
from Benchmarks.serving import REFERENCE, start, start_reference
from Checks.Support import cluster
from Checks.Support.server import Server, exchange, sign_token

MESSAGES_PER_CHAT = 400
PAGE = 200
TARGETS = "SQLite", "PostgreSQL"
RESUME, RESUME_SOME, WEEK = "resume the inbox", "resume the inbox, 100 chats changed", "the inbox after a week"
LIST, READ_LIST = "list 20 chats, 9 messages unread in each", "list 20 chats, none unread"
PAIR, CROWD = "post, 2 members", "post, 1,000 members"
SCREEN = "an app's screen"
SCENARIOS = RESUME, RESUME_SOME, WEEK, LIST, READ_LIST, PAIR, CROWD, SCREEN


def run(rounds: int, seconds: int, chats: int, with_reference: bool) -> dict:
    with contextlib.ExitStack() as stack:
        cases = [*prepare(stack, chats, with_reference and REFERENCE.exists())]
        cases.sort(key=lambda case: SCENARIOS.index(case.scenario))
        measure(cases, rounds, seconds)
    return {"rows": [case.as_json() for case in cases], "aims": [aim.as_json() for aim in aims(cases)]}


def prepare(stack: contextlib.ExitStack, chats: int, with_reference: bool) -> Iterator[Case]:
    environment = {"CHAT_JWT_SECRET": secrets.token_hex(32)}
    messages = chats * MESSAGES_PER_CHAT
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    path = f"{folder}/chat.db"
    urls = {"SQLite": fill.sqlite(path, messages, chats)}
    fill.sqlite_members(path)
    database = fill.postgresql(messages, chats)
    fill.postgresql_members(database)
    urls["PostgreSQL"] = cluster.url(database)
    print(f"filled with {messages:,} messages in {chats:,} chats", flush=True)
    for target, url in urls.items():
        server = start(url, environment)
        stack.callback(server.stop)
        yield from cases_of(target, server, environment, chats)
    if with_reference:
        reference = start_reference()
        stack.callback(reference.stop)
        # Without a list of chats, an app reads each chat with its last message.
        paths = [f"/chats/{chat}?limit=1" for chat in range(1, 21)] + ["/chats/1"]
        yield series_case("FastAPI reference", SCREEN, reference, lambda client: [client.get(path) for path in paths], True)


def cases_of(target: str, server: Server, environment: dict[str, str], chats: int) -> Iterator[Case]:
    many, some = (Client(server, sign_token(environment, f"--user={user}")) for user in ("many", "some"))
    on_postgresql = target == "PostgreSQL"

    def load(scenario: str, method: str, path: str, token: str) -> Case:
        return http_case(target, scenario, server, Load(method, path, token=token), on_postgresql)

    def series(scenario: str, requests: Callable[["Client"], object], client: "Client") -> Case:
        return series_case(target, scenario, server, requests, on_postgresql, client)

    lines, old = many.inbox(None)
    if lines != chats:
        raise RuntimeError(f"{target}: the inbox has {lines} lines")
    print(f"{target}: {lines:,} lines, {many.received:,} bytes", flush=True)
    epoch = old.split(".")[0]
    for chat in range(1, 101):
        many.post(chat)
    _, present = many.inbox(old)
    own = some.inbox(None)[1]
    yield load(RESUME, "GET", f"/inbox?wait=0&after={present}", many.token)
    yield load(RESUME_SOME, "GET", f"/inbox?wait=0&after={old}", many.token)
    # All chats changed in the first transaction, and 8 messages in each are unread.
    yield series(WEEK, lambda client: client.inbox(f"{epoch}.1"), many)
    yield load(LIST, "GET", "/chats/?limit=20", some.token)
    yield load(READ_LIST, "GET", "/chats/?limit=20", sign_token(environment, "--user=reader"))
    for scenario, chat in (PAIR, fill.PAIR), (CROWD, fill.CROWD):
        yield load(scenario, "POST", f"/chats/{chat}/messages/", sign_token(environment, "--user=poster"))
    paths = ["/chats/?limit=20", "/chats/3", f"/inbox?wait=0&after={own}"]
    yield series(SCREEN, lambda client: [client.get(path) for path in paths], some)


class Client:
    """A client with one connection that sends one request after the other."""

    def __init__(self, server: Server, token: str | None = None) -> None:
        self.token = token
        self.received = 0
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def get(self, path: str) -> dict:
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        self.received += len(body)
        if answer.status != 200:
            raise RuntimeError(f"GET {path}: {answer.status} {body}")
        return json.loads(body)

    def close(self) -> None:
        """Closes the connection; the next request opens another."""
        self._connection.close()

    def post(self, chat: int) -> None:
        status, _, answer = exchange(
            self._connection, "POST", f"/chats/{chat}/messages/", {"text": fill.TEXT}, self._headers
        )
        if status != 201:
            raise RuntimeError(f"{status} {answer}")

    def inbox(self, cursor: str | None) -> tuple[int, str]:
        """Reads all pages after a cursor; returns the number of lines and the new cursor."""
        lines = 0
        while True:
            page = self.get(f"/inbox?wait=0&limit={PAGE}" + (f"&after={cursor}" if cursor else ""))
            lines += len(page["changes"])
            cursor = page["cursor"]
            if not page["has_more"]:
                return lines, cursor


def series_case(
    target: str, scenario: str, server: Server, requests: Callable[[Client], object], on_postgresql: bool,
    client: Client | None = None,
) -> Case:
    """A case whose unit is a series of requests by one client."""
    client = client or Client(server)

    def run(seconds: int) -> Sample:
        roots = [server.process.pid, *([cluster.postmaster()] if on_postgresql else [])]
        before = [processes.cpu_seconds(root) for root in roots]
        times = []
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(times) < 2:
            begin = time.monotonic()
            requests(client)
            times.append(time.monotonic() - begin)
        # The reference closes idle connections.
        client.close()
        cpu = [(processes.cpu_seconds(root) - start) * 1e6 / len(times) for root, start in zip(roots, before)]
        times.sort()
        return Sample(
            rate=len(times) / sum(times), p50=round(statistics.median(times) * 1e6),
            p99=round(times[int(len(times) * 0.99)] * 1e6), server_cpu=cpu[0],
            database_cpu=cpu[1] if on_postgresql else None, resident_mib=processes.resident_mib(server.process.pid),
        )
    return Case(target, scenario, run)


def whole_cpu(sample: Sample) -> float:
    return sample.server_cpu + (sample.database_cpu or 0)


def aims(cases: list[Case]) -> Iterator[Aim]:
    case = by_name(cases)
    for target in TARGETS:
        resume, crowd, pair, unread, read = (
            case(target, scenario) for scenario in (RESUME, CROWD, PAIR, LIST, READ_LIST)
        )
        milliseconds = statistics.median(sample.server_cpu for sample in resume.samples) / 1_000
        yield Aim(f"{target}: server CPU ms to resume the inbox", milliseconds, at_most=20)
        yield Aim(f"{target}: CPU of a post to 1,000 members to one to 2", ratio(crowd, pair, whole_cpu), at_most=1.1)
        yield Aim(
            f"{target}: CPU of a list with unread messages to one without", ratio(unread, read, server_cpu), at_most=1.5,
        )
    if reference := case("FastAPI reference", SCREEN):
        cpu = ratio(reference, case("PostgreSQL", SCREEN), whole_cpu)
        yield Aim("PostgreSQL: CPU of an app's screen, of the reference to ours", cpu, at_least=10)
