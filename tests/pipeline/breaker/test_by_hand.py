from __future__ import annotations

import datetime as dt
import math

import pytest

from pipeline.breaker import BreakerOpenError
from pipeline.metrics import BreakerOutcome
from tests.clock import Clock
from tests.pipeline.breaker.told import Told, fail, half_open, make, succeed


def test_reset_closes_it_and_forgets() -> None:
    breaker = make()
    fail(breaker, 3)
    breaker.reset()
    assert (breaker.state, breaker.failure_count, breaker.last_failure) == ("closed", 0, None)
    fail(breaker, 2)
    breaker.reset()
    fail(breaker, 2)
    assert breaker.closed


def test_after_a_reset_answers_of_before_are_stale() -> None:
    told = Told()
    breaker = half_open(Clock(), listener=told)
    trial = breaker.admit()
    breaker.reset()
    breaker.settle(trial, BreakerOutcome.FAILURE)
    assert told.outcomes[-1] == "stale"
    assert breaker.closed


def test_forced_open_it_stays_open_whatever_the_time() -> None:
    clock, told = Clock(), Told()
    breaker = make(clock, listener=told)
    breaker.force_open()
    clock.advance(1e9)
    assert breaker.opened
    assert breaker.forced_open
    with pytest.raises(BreakerOpenError, match="forced open until it is reset") as refused:
        breaker.admit()
    assert refused.value.retry_after_seconds == math.inf
    assert told.transitions == [("closed", "open")]
    assert breaker.open_until > dt.datetime.now(dt.UTC)


def test_once_it_is_closed_again_the_century_is_over() -> None:
    clock = Clock()
    breaker = make(clock)
    breaker.force_open()
    breaker.reset()
    clock.advance(10)
    assert breaker.open_remaining == -10


def test_an_open_breaker_can_be_forced_open_without_another_transition() -> None:
    clock, told = Clock(), Told()
    breaker = make(clock, listener=told)
    fail(breaker, 3)
    breaker.force_open()
    clock.advance(100)
    assert breaker.opened
    assert told.transitions == [("closed", "open")]


def test_reset_ends_what_was_forced() -> None:
    breaker = make()
    breaker.force_open()
    breaker.reset()
    assert not breaker.forced_open
    succeed(breaker)
    fail(breaker, 3)
    assert breaker.open_remaining == 10


def test_disabled_it_admits_and_counts_but_never_opens() -> None:
    told = Told()
    breaker = make(listener=told)
    fail(breaker, 3)
    breaker.disable()
    assert breaker.disabled
    fail(breaker, 10)
    assert breaker.closed
    assert breaker.failure_count == 0
    assert told.counts == {"failure": 13}


def test_reset_enables_it_again() -> None:
    breaker = make()
    breaker.disable()
    fail(breaker, 10)
    breaker.reset()
    fail(breaker, 3)
    assert breaker.opened


def test_a_disabled_breaker_can_be_forced_open() -> None:
    breaker = make()
    breaker.disable()
    breaker.force_open()
    assert breaker.opened
    assert not breaker.disabled
