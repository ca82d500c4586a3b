"""What the breaker's tests share."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from typing import Any

from pipeline.breaker import Breaker
from pipeline.metrics import BreakerOutcome, BreakerState
from tests.clock import Clock

LEGAL = {
    ("closed", "open"),
    ("open", "half_open"),
    ("half_open", "open"),
    ("half_open", "closed"),
}
BY_HAND = {("open", "closed"), ("half_open", "open")}


class Told:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.transitions: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    def on_outcome(self, outcome: BreakerOutcome) -> None:
        with self._lock:
            self.outcomes.append(outcome.value)

    def on_transition(self, from_state: BreakerState, to_state: BreakerState) -> None:
        self.transitions.append((from_state.value, to_state.value))

    @property
    def counts(self) -> Counter[str]:
        return Counter(self.outcomes)

    def in_order(self) -> bool:
        """Whether each transition starts where the one before it ended."""
        return all(before[1] == after[0] for before, after in itertools.pairwise(self.transitions))


def make(clock: Clock | None = None, /, **options: Any) -> Breaker:
    defaults = {"failure_threshold": 3, "recovery_timeout": 10, "name": "openrouter"}
    return Breaker(**{**defaults, **options}, clock=clock or Clock())


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.settle(breaker.admit(), BreakerOutcome.FAILURE)


def succeed(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.settle(breaker.admit(), BreakerOutcome.SUCCESS)


def half_open(clock: Clock, **options: Any) -> Breaker:
    """A breaker that opened, and whose recovery timeout is over."""
    breaker = make(clock, **options)
    fail(breaker, 3)
    clock.advance(10)
    return breaker
