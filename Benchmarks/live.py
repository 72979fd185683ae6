"""Measures the cost of live streams on SQLite: idle streams, fan-out, a slow subscriber, connection churn."""
import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

from Benchmarks import fill, processes
from Benchmarks.aims import Aim, rate, ratio, server_cpu
from Benchmarks.fill import TEXT
from Benchmarks.load import Load
from Benchmarks.processes import open_files, open_sockets
from Benchmarks.rounds import Case, Sample, http_case, measure
from Benchmarks.streams import TIMEOUT, Audience, SlowSubscriber, allow_open_files, idle_connection, open_streams
from Benchmarks.writes import bare_writes_case
from Checks.Support.server import Server, chat_api

TARGET = "SQLite"
ONE_BY_ONE, FULL_SPEED = "one post at a time", "64 posts at a time"
IN_FLIGHT = {ONE_BY_ONE: 1, FULL_SPEED: 64}
# The chats that receive posts, and those that the idle streams follow.
POSTED_CHATS, FOLLOWED_CHATS = 200, 1_000
# The longest text allowed, to fill a slow subscriber's buffers quickly.
LONG_TEXT = (TEXT * 100)[:5_000]
IDLE_REASON = "heartbeats, and the processor's caches hold the streams' memory, too"
# The growth in resident memory that is attributed to the allocator, in MiB.
SLACK = 8


@dataclass(frozen=True)
class Delivery(Sample):
    """A sample whose rate and CPU times count deliveries: one event to one subscriber."""

    generator_cpu: float | None = None


def run(rounds: int, seconds: int, streams: int) -> dict:
    """
    - streams: The number of open streams; all other counts are fractions or multiples of it.
    """
    allow_open_files(streams + 2_000)
    result = {"deliveries": [], "rows": [], "held": [], "slow": [], "aims": []}
    for part in idle, fan_out, many_chats, slow_subscriber, coming_and_going:
        print(part.__doc__.splitlines()[0], flush=True)
        with contextlib.ExitStack() as stack:
            for name, values in part(stack, rounds, seconds, streams).items():
                result[name] += values
    result["aims"] = [aim.as_json() for aim in result["aims"]]
    return result


def start(stack: contextlib.ExitStack, chats: int = 1) -> Server:
    """Starts a server whose chats have ten messages each."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    limit = 1_000_000
    server = chat_api(
        fill.sqlite(f"{folder}/chat.db", 10 * chats, chats), "--log-level=notice", "--idle-timeout=600",
        f"--max-connections={limit}", f"--max-connections-per-address={limit}", f"--max-streams={limit}", f"--max-streams-per-address={limit}",
    )
    stack.callback(server.stop)
    return server


@dataclass
class Held:
    """A server's memory and open files before and after connections were made."""

    what: str
    count: int
    mib_before: float
    mib_after: float
    files_before: int
    files_after: int

    @property
    def kib_each(self) -> float:
        return (self.mib_after - self.mib_before) * 1024 / self.count

    def as_json(self) -> dict:
        return {**vars(self), "kib_each": self.kib_each}


@contextlib.contextmanager
def counted(server: Server, what: str, count: int) -> Iterator[Held]:
    """Records resident memory and open files before and after the block."""
    pid = server.process.pid
    held = Held(what, count, processes.resident_mib(pid), 0, open_files(pid), 0)
    yield held
    held.mib_after, held.files_after = processes.resident_mib(pid), open_files(pid)


def idle(stack: contextlib.ExitStack, rounds: int, seconds: int, streams: int) -> dict:
    """Idle streams: their memory, and their effect on posts.

    A server without streams gets the same posts for comparison.
    """
    chats = POSTED_CHATS + FOLLOWED_CHATS
    names = "idle connections", "idle streams"
    with contextlib.ExitStack() as connections:
        server = start(connections)
        for _ in range(100):
            idle_connection(server.port).close()
        settle(server)
        with counted(server, names[0], streams) as plain:
            for _ in range(streams):
                connections.callback(idle_connection(server.port).close)

    alone, beside = (start(stack, chats) for _ in range(2))
    followed = range(POSTED_CHATS + 1, chats + 1)
    for stream in open_streams(beside.port, followed[:100]):
        stream.connection.close()
    settle(beside)
    with counted(beside, names[1], streams) as held:
        for stream in open_streams(beside.port, (followed[number % len(followed)] for number in range(streams))):
            stack.callback(stream.connection.close)

    load = Load("POST", "/chats/%d/messages/", POSTED_CHATS)
    cases = [
        http_case(TARGET, f"post, {POSTED_CHATS} chats", alone, load),
        http_case(TARGET, f"post, {POSTED_CHATS} chats, {streams:,} idle streams", beside, load),
    ]
    measure(cases, rounds, seconds)
    return {
        "held": [plain.as_json(), held.as_json()],
        "rows": [case.as_json() for case in cases],
        "aims": [
            Aim("KiB resident per idle connection", plain.kib_each, at_most=12, moonshot=9),
            Aim("KiB resident per idle stream", held.kib_each, at_most=14, moonshot=10),
            Aim(
                f"posts with {streams:,} idle streams to without", ratio(*reversed(cases), rate), at_least=0.9,
                reason=IDLE_REASON,
            ),
            Aim(
                "CPU of those with idle streams to without", ratio(*reversed(cases), server_cpu), at_most=1.1,
                reason=IDLE_REASON,
            ),
        ],
    }


def delivery_case(scenario: str, server: Server, audience: Audience, in_flight: int) -> Case:
    def run(seconds: int) -> Delivery:
        pid = server.process.pid
        before = processes.cpu_seconds(pid)
        done = audience.run(seconds, in_flight, TEXT)
        return Delivery(
            rate=done.deliveries / done.seconds, p50=done.percentile(50), p99=done.percentile(99),
            server_cpu=(processes.cpu_seconds(pid) - before) * 1e6 / done.deliveries,
            generator_cpu=done.cpu_seconds * 1e6 / done.deliveries, resident_mib=processes.resident_mib(pid),
        )
    return Case(TARGET, scenario, run)


def fan_out(stack: contextlib.ExitStack, rounds: int, seconds: int, streams: int) -> dict:
    """Fan-out: one chat with many subscribers."""
    server = start(stack, 2)
    cases, yardsticks = [], []
    for chat, subscribers in (1, streams // 10), (2, streams // 2):
        yardsticks.append(bare_writes_case(f"{subscribers:,} subscribers, {ONE_BY_ONE}", subscribers))
        audience = Audience(server.port, [chat] * subscribers)
        stack.callback(audience.close)
        cases += [
            delivery_case(f"{subscribers:,} subscribers, {name}", server, audience, in_flight)
            for name, in_flight in IN_FLIGHT.items()
        ]
    measure([*yardsticks, *cases], rounds, seconds)
    one_by_one = [case for case in cases if ONE_BY_ONE in case.scenario]
    return {
        "deliveries": [case.as_json() for case in [*yardsticks, *cases]],
        "aims": [
            Aim(
                f"CPU µs per delivery, {case.scenario}", case.median("server_cpu"), at_most=9, moonshot=6,
                reason=f"the kernel takes {yardstick.median('server_cpu'):.1f} for a bare write to a subscriber",
            )
            for case, yardstick in zip(one_by_one, yardsticks)
        ],
    }


def many_chats(stack: contextlib.ExitStack, rounds: int, seconds: int, streams: int) -> dict:
    """Many chats with few subscribers each."""
    chats = streams // 10
    server = start(stack, chats)
    audience = Audience(server.port, [*range(1, chats + 1)] * 10)
    stack.callback(audience.close)
    scenario = f"{chats:,} chats with 10 subscribers each, {FULL_SPEED}"
    case = delivery_case(scenario, server, audience, IN_FLIGHT[FULL_SPEED])
    measure([case], rounds, seconds)
    return {"deliveries": [case.as_json()]}


def slow_subscriber(stack: contextlib.ExitStack, rounds: int, seconds: int, streams: int) -> dict:
    """A slow subscriber among many others: the others with and without it."""
    server = start(stack)
    pid = server.process.pid
    audience = Audience(server.port, [1] * (streams // 10))
    stack.callback(audience.close)
    first = next(iter(audience.streams.values()))
    peaks, proofs = {"without": [], "with": []}, []

    def peak(name: str, seconds: int) -> Delivery:
        processes.reset_peak(pid)
        before = processes.cpu_seconds(pid)
        done = audience.run(seconds, 1, LONG_TEXT)
        peaks[name].append(processes.peak_mib(pid))
        return Delivery(
            rate=done.deliveries / done.seconds, p50=done.percentile(50), p99=done.percentile(99),
            server_cpu=(processes.cpu_seconds(pid) - before) * 1e6 / done.deliveries,
            generator_cpu=done.cpu_seconds * 1e6 / done.deliveries, resident_mib=peaks[name][-1],
        )

    def beside_slow(seconds: int) -> Delivery:
        files = open_files(pid)
        slow = SlowSubscriber(server.port, 1, first.position)
        begin = slow.position
        sample = peak("with", seconds)
        deadline = time.monotonic() + 2 * TIMEOUT
        while open_files(pid) > files:
            if time.monotonic() > deadline:
                raise RuntimeError("the slow subscriber was not disconnected")
            audience.run(0.1, 1, LONG_TEXT)
        taken = slow.finish()
        proofs.append({
            "posts": first.position - begin, "before": taken, "after": slow.resume(first.position),
            "reached": slow.position == first.position,
        })
        return sample

    subscribers = f"{streams // 10:,} subscribers, messages of {len(LONG_TEXT):,} characters"
    cases = [
        Case(TARGET, subscribers, lambda seconds: peak("without", seconds)),
        Case(TARGET, f"{subscribers}, and a slow subscriber", beside_slow),
    ]
    measure(cases, rounds, seconds)
    growth = max(peaks["with"]) - max(peaks["without"])
    return {
        "deliveries": [case.as_json() for case in cases],
        "slow": proofs,
        "aims": [
            Aim(
                "p99 with a slow subscriber to without", ratio(*reversed(cases), lambda sample: sample.p99),
                at_most=1.2,
            ),
            Aim("MiB more at the peak with a slow subscriber", growth, at_most=SLACK),
        ],
    }


def coming_and_going(stack: contextlib.ExitStack, rounds: int, seconds: int, streams: int) -> dict:
    """Connection churn: streams that open and close."""
    server = start(stack)

    def come_and_go(count: int) -> None:
        for _ in range(count // 100):
            for number, stream in enumerate(open_streams(server.port, [1] * 100)):
                # Half of them close properly, the others reset the connection.
                stream.connection.close() if number % 2 else stream.reset()
        settle(server)

    come_and_go(streams)
    with counted(server, "streams that came and went", 10 * streams) as held:
        come_and_go(10 * streams)
    return {
        "held": [held.as_json()],
        "aims": [
            Aim(f"MiB more after {held.count:,} streams", held.mib_after - held.mib_before, at_most=SLACK),
            Aim(f"open files more after {held.count:,} streams", held.files_after - held.files_before, at_most=0),
        ],
    }


def settle(server: Server) -> None:
    """Waits, up to a timeout, until the server has closed every socket but the one it listens on."""
    deadline = time.monotonic() + TIMEOUT
    while open_sockets(server.process.pid) > 1 and time.monotonic() < deadline:
        time.sleep(0.1)
