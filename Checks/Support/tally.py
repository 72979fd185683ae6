"""Counts what checks find."""
from collections.abc import Iterable


class Tally:
    """The number of checks that passed and failed."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def add(self, check: str, problem: object) -> None:
        """Counts a check, which failed if there is a problem, and prints that."""
        self.passed, self.failed = self.passed + (not problem), self.failed + bool(problem)
        if problem:
            print(f"FAILED  {check}: {problem}")

    def add_all(self, checks: Iterable[tuple[str, object]], place: str = "") -> None:
        for check, problem in checks:
            self.add(f"{place}: {check}" if place else check, problem)

    def finish(self) -> int:
        """Prints the last line of the program, and returns its exit status."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0
