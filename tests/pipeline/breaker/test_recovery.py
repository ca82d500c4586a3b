from __future__ import annotations

from typing import Any

import pytest

from pipeline.breaker import Backoff, Breaker
from tests.clock import Clock
from tests.pipeline.breaker.told import fail, make, succeed


def opened(clock: Clock, backoff: Backoff) -> Breaker:
    breaker = make(clock, backoff=backoff)
    fail(breaker, 3)
    return breaker


def failed_trials(breaker: Breaker, clock: Clock, number: int) -> list[int]:
    """How long it stays open after each of them."""
    seconds = []
    for _ in range(number):
        clock.advance(breaker.open_remaining)
        fail(breaker)
        seconds.append(breaker.open_remaining)
    return seconds


def test_failed_trials_lengthen_the_timeout_up_to_the_cap() -> None:
    clock = Clock()
    breaker = opened(clock, Backoff(factor=2, max_seconds=60))
    assert breaker.open_remaining == 10
    assert failed_trials(breaker, clock, 4) == [20, 40, 60, 60]


def test_by_default_it_stays_the_same() -> None:
    clock = Clock()
    assert failed_trials(opened(clock, Backoff()), clock, 3) == [10, 10, 10]


def test_once_closed_it_starts_anew() -> None:
    clock = Clock()
    breaker = opened(clock, Backoff(factor=2))
    failed_trials(breaker, clock, 2)
    clock.advance(breaker.open_remaining)
    succeed(breaker)
    fail(breaker, 3)
    assert breaker.open_remaining == 10


def test_a_cap_below_the_recovery_timeout_does_not_shorten_it() -> None:
    clock = Clock()
    assert failed_trials(opened(clock, Backoff(factor=2, max_seconds=1)), clock, 2) == [10, 10]


@pytest.mark.parametrize(("drawn", "seconds"), [(0.0, 10), (0.5, 11), (1.0, 12)])
def test_jitter_only_ever_adds(drawn: float, seconds: int) -> None:
    clock = Clock()
    breaker = opened(clock, Backoff(jitter=0.2, random=lambda: drawn))
    assert breaker.open_remaining == seconds


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 0.5}, "backoff.factor: 0.5 must be at least 1"),
        ({"max_seconds": 0}, "backoff.max_seconds: 0 must be more than 0"),
        ({"jitter": -1}, "backoff.jitter: -1 must be 0 or more"),
    ],
)
def test_a_bad_value_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Backoff(**options)
