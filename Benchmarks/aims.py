"""Performance targets: figures from one run, most of them ratios of two cases."""
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from Benchmarks.rounds import Case, Sample


@dataclass(frozen=True)
class Aim:
    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None
    # A more ambitious bound, for comparison only.
    moonshot: float | None = None
    # The known reason why the target may be missed.
    reason: str = ""

    @property
    def is_reached(self) -> bool:
        return self.value >= self.at_least if self.at_least is not None else self.value <= self.at_most

    @property
    def bound(self) -> str:
        return f"at least {self.at_least}" if self.at_least is not None else f"at most {self.at_most}"

    def as_json(self) -> dict:
        return {
            "name": self.name, "value": self.value, "bound": self.bound, "moonshot": self.moonshot,
            "reached": self.is_reached, "reason": self.reason,
        }


def ratio(of: Case, to: Case, value: Callable[[Sample], float]) -> float:
    """The median of the rounds' ratios, since noise in a round affects both cases."""
    return statistics.median(value(one) / value(other) for one, other in zip(of.samples, to.samples, strict=True))


def rate(sample: Sample) -> float:
    return sample.rate


def server_cpu(sample: Sample) -> float:
    return sample.server_cpu


def by_name(cases: list[Case]) -> Callable[[str, str], Case | None]:
    found = {(case.target, case.scenario): case for case in cases}
    return lambda target, scenario: found.get((target, scenario))
