from __future__ import annotations

import math
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.breaker import Breaker, Rates
from pipeline.metrics import BreakerOutcome
from tests.clock import Clock
from tests.pipeline.breaker.told import Told, fail, make, succeed


def rated(clock: Clock | None = None, /, *, slow_call_seconds: float = 5, **rates: Any) -> Breaker:
    return make(
        clock,
        failure_threshold=math.inf,
        slow_call_seconds=slow_call_seconds,
        rates=Rates(**{"minimum_calls": 4, **rates}),
    )


def slow(breaker: Breaker, clock: Clock, seconds: float = 5) -> None:
    permit = breaker.admit()
    clock.advance(seconds)
    breaker.settle(permit, BreakerOutcome.SUCCESS)


def test_a_failure_rate_opens_it_as_soon_as_it_is_reached() -> None:
    breaker = rated(failure_rate=0.5, window_calls=10)
    succeed(breaker, 3)
    fail(breaker, 2)
    assert breaker.closed
    fail(breaker)
    assert breaker.opened


def test_below_the_minimum_of_calls_nothing_opens() -> None:
    breaker = rated(failure_rate=0.5, window_calls=10, minimum_calls=4)
    fail(breaker, 3)
    assert breaker.closed
    fail(breaker)
    assert breaker.opened


def test_calls_that_left_the_window_do_not_count() -> None:
    breaker = rated(failure_rate=0.5, window_calls=4)
    fail(breaker)
    succeed(breaker, 3)
    fail(breaker)
    assert breaker.closed
    fail(breaker)
    assert breaker.opened


def test_what_is_older_than_the_window_does_not_count() -> None:
    clock = Clock()
    breaker = rated(clock, failure_rate=0.5, window_seconds=60)
    fail(breaker, 3)
    clock.advance(60)
    succeed(breaker, 3)
    fail(breaker, 2)
    assert breaker.closed
    fail(breaker)
    assert breaker.opened


def test_a_slow_call_rate_opens_it_though_every_call_succeeds() -> None:
    clock = Clock()
    breaker = rated(clock, slow_call_rate=0.5, window_calls=10)
    succeed(breaker, 2)
    slow(breaker, clock, 4.9)
    slow(breaker, clock)
    slow(breaker, clock)
    assert breaker.closed
    slow(breaker, clock)
    assert breaker.opened


def test_a_slow_trial_opens_what_opened_for_slow_calls() -> None:
    clock, told = Clock(), Told()
    rates = Rates(slow_call_rate=0.5, window_calls=4, minimum_calls=1)
    breaker = make(clock, slow_call_seconds=5, rates=rates, listener=told)
    slow(breaker, clock)
    clock.advance(10)
    slow(breaker, clock)
    assert breaker.opened
    assert told.outcomes == ["success", "success"]
    clock.advance(10)
    succeed(breaker)
    assert breaker.closed


def test_once_closed_again_it_counts_from_nothing() -> None:
    clock = Clock()
    breaker = rated(clock, failure_rate=0.5, window_calls=10)
    fail(breaker, 4)
    clock.advance(10)
    succeed(breaker)
    fail(breaker, 3)
    assert breaker.closed


def test_ignored_calls_are_not_in_the_window() -> None:
    breaker = rated(failure_rate=0.5, window_calls=10)
    for _ in range(9):
        breaker.settle(breaker.admit(), BreakerOutcome.IGNORED)
    fail(breaker, 3)
    assert breaker.closed


def test_consecutive_failures_open_it_beside_the_rates() -> None:
    breaker = make(failure_threshold=3, rates=Rates(failure_rate=1.0, window_calls=100))
    fail(breaker, 3)
    assert breaker.opened


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40), st.integers(1, 8))
def test_the_window_of_calls_is_that_of_the_last_calls(calls: list[tuple[bool, bool]], size: int) -> None:
    window = Rates(failure_rate=1, window_calls=size, minimum_calls=1).window()
    last: deque[tuple[bool, bool]] = deque(maxlen=size)
    for failed, is_slow in calls:
        window.record(0, failed=failed, slow=is_slow)
        last.append((failed, is_slow))
        expected = len(last), sum(failed for failed, _ in last), sum(is_slow for _, is_slow in last)
        assert (window.calls, window.failed, window.slow) == expected


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=40))
def test_the_window_of_time_is_that_of_the_last_seconds(calls: list[tuple[int, bool]]) -> None:
    window = Rates(failure_rate=1, window_seconds=10, minimum_calls=1).window()
    now, seen = 0, []
    for pause, failed in calls:
        now += pause
        window.record(now, failed=failed, slow=not failed)
        seen.append((now, failed))
        last = [failed for at, failed in seen if at > now - 10]
        expected = len(last), sum(last), len(last) - sum(last)
        assert (window.calls, window.failed, window.slow) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window_calls": 10}, "rates: .* must be at least one rate"),
        ({"failure_rate": 0, "window_calls": 10}, "rates.failure_rate: 0 must be more than 0, at most 1"),
        ({"slow_call_rate": 2, "window_calls": 10}, "rates.slow_call_rate: 2 must be more than 0, at most 1"),
        ({"failure_rate": 0.5}, "must be either window_calls or window_seconds"),
        (
            {"failure_rate": 0.5, "window_calls": 10, "window_seconds": 1},
            "must be either window_calls or window_seconds",
        ),
        ({"failure_rate": 0.5, "window_seconds": 0}, "rates.window_seconds: 0 must be more than 0"),
        ({"failure_rate": 0.5, "window_calls": 3}, r"at least minimum_calls \(4\)"),
        ({"failure_rate": 0.5, "window_calls": 3, "minimum_calls": 0}, "rates.minimum_calls: 0"),
        (
            {"slow_call_rate": 0.5, "window_calls": 10, "slow_call_seconds": math.inf},
            "slow_call_seconds: inf must be finite where there is a slow_call_rate",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rated(**options)
