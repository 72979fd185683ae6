"""Runs cases in rounds: each round runs every case, so that noise affects all of them alike."""
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from Benchmarks import processes
from Benchmarks.load import Load
from Checks.Support import cluster
from Checks.Support.server import Server


@dataclass(frozen=True)
class Sample:
    """The figures of one case in one round; times in microseconds, CPU times per request."""

    rate: float
    p50: int | None = None
    p99: int | None = None
    server_cpu: float | None = None
    database_cpu: float | None = None
    resident_mib: float | None = None


@dataclass
class Case:
    target: str
    scenario: str
    run: Callable[[int], Sample]
    samples: list[Sample] = field(default_factory=list)

    def median(self, name: str) -> float | None:
        values = [getattr(sample, name) for sample in self.samples]
        return None if None in values else statistics.median(values)

    def as_json(self) -> dict:
        medians = {name: self.median(name) for name in asdict(self.samples[0])}
        return {
            "target": self.target, "scenario": self.scenario, **medians,
            "rounds": [asdict(sample) for sample in self.samples],
        }


def http_case(target: str, scenario: str, server: Server, load: Load, on_postgresql: bool = False) -> Case:
    def run(seconds: int) -> Sample:
        roots = [server.process.pid, *([cluster.postmaster()] if on_postgresql else [])]
        before = [processes.cpu_seconds(root) for root in roots]
        counted = load.run(server.port, seconds)
        cpu = [
            (processes.cpu_seconds(root) - start) * 1e6 / counted["requests"] for root, start in zip(roots, before)
        ]
        return Sample(
            rate=counted["requests"] * 1e6 / counted["microseconds"], p50=counted["p50"], p99=counted["p99"],
            server_cpu=cpu[0], database_cpu=cpu[1] if on_postgresql else None,
            resident_mib=processes.resident_mib(server.process.pid),
        )
    return Case(target, scenario, run)


def measure(cases: list[Case], rounds: int, seconds: int) -> None:
    """Runs the rounds and collects each case's samples.

    Before several rounds, a shorter one, which does not count, warms up; a single round only shows that everything works.
    """
    for number in range(0 if rounds > 1 else 1, rounds + 1):
        for case in cases:
            sample = case.run(seconds if number else min(seconds, 2))
            if number:
                case.samples.append(sample)
        print(f"round {number} of {rounds}" if number else "warmed up", flush=True)
