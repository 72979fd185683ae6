"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Delay:
    """A wait in seconds; the network's return cuts it short, but never below `at_least`."""

    seconds: float
    at_least: float = 0.0


@dataclass
class Backoff:
    """Doubles a bound with each failure and draws the delay between 0 and the bound ("full jitter").

    Clients that lost the same server thus do not return in step.
    """

    min_delay: float = 0.5
    max_delay: float = 30.0
    draw: Callable[[], float] = random.random
    _failures: int = field(default=0, init=False)

    def next(self, at_least: float | None = None) -> Delay:
        """Notes a failure. `at_least` is what the server asked for, in seconds."""
        # 2.0 ** 64 exceeds any sensible ratio of the two delays, and larger exponents overflow in the end.
        bound = min(self.max_delay, self.min_delay * 2.0 ** min(self._failures, 64))
        self._failures += 1
        least = at_least or 0.0
        return Delay(max(self.draw() * bound, least), least)

    def reset(self) -> None:
        """Starts over, after a success."""
        self._failures = 0
