from __future__ import annotations

import gc
import threading

import pytest

from pipeline.breaker import BreakerOpenError
from pipeline.metrics import BreakerOutcome
from tests.clock import Clock
from tests.pipeline.breaker.told import Told, fail, half_open, make, succeed


def test_consecutive_failures_open_it() -> None:
    breaker = make()
    fail(breaker, 2)
    assert breaker.closed
    fail(breaker)
    assert breaker.opened
    with pytest.raises(BreakerOpenError) as refused:
        breaker.admit()
    assert refused.value.retry_after_seconds == 10


def test_a_success_between_failures_starts_the_count_anew() -> None:
    breaker = make()
    fail(breaker, 2)
    succeed(breaker)
    fail(breaker, 2)
    assert breaker.closed


def test_half_open_admits_one_trial_at_a_time() -> None:
    breaker = half_open(Clock())
    trial = breaker.admit()
    with pytest.raises(BreakerOpenError):
        breaker.admit()
    breaker.settle(trial, BreakerOutcome.SUCCESS)
    assert breaker.closed


def test_half_open_admits_as_many_trials_as_asked() -> None:
    breaker = half_open(Clock(), half_open_max_calls=3, success_threshold=3)
    first, *_others = [breaker.admit() for _ in range(3)]
    with pytest.raises(BreakerOpenError):
        breaker.admit()
    breaker.settle(first, BreakerOutcome.SUCCESS)
    breaker.admit()
    with pytest.raises(BreakerOpenError):
        breaker.admit()


def test_a_failed_trial_opens_it_for_another_recovery_timeout() -> None:
    clock = Clock()
    breaker = half_open(clock)
    fail(breaker)
    assert breaker.open_remaining == 10
    clock.advance(9.5)
    with pytest.raises(BreakerOpenError):
        breaker.admit()


def test_it_closes_after_as_many_good_trials_as_asked() -> None:
    breaker = half_open(Clock(), success_threshold=2)
    succeed(breaker)
    assert breaker.state == "half_open"
    succeed(breaker)
    assert breaker.closed


def test_an_ignored_trial_gives_its_place_back_and_changes_nothing() -> None:
    breaker = half_open(Clock())
    breaker.settle(breaker.admit(), BreakerOutcome.IGNORED)
    assert breaker.state == "half_open"
    succeed(breaker)
    assert breaker.closed


def test_a_late_success_does_not_close_it() -> None:
    breaker = make()
    late = breaker.admit()
    fail(breaker, 3)
    breaker.settle(late, BreakerOutcome.SUCCESS)
    assert breaker.opened


def test_late_failures_neither_count_nor_move_the_deadline() -> None:
    clock = Clock()
    breaker = make(clock)
    late = [breaker.admit() for _ in range(5)]
    fail(breaker, 3)
    clock.advance(9)
    for permit in late:
        breaker.settle(permit, BreakerOutcome.FAILURE)
    assert breaker.failure_count == 3
    clock.advance(1)
    succeed(breaker)
    assert breaker.closed


def test_a_success_of_before_the_outage_is_stale_when_it_has_closed_again() -> None:
    clock, told = Clock(), Told()
    breaker = make(clock, listener=told)
    late = breaker.admit()
    fail(breaker, 3)
    clock.advance(10)
    succeed(breaker)
    fail(breaker, 2)
    breaker.settle(late, BreakerOutcome.SUCCESS)
    assert told.outcomes[-1] == "stale"
    assert breaker.failure_count == 2


def test_a_success_of_before_the_outage_is_stale_though_nothing_has_failed_since() -> None:
    clock, told = Clock(), Told()
    breaker = make(clock, listener=told)
    late = breaker.admit()
    fail(breaker, 3)
    clock.advance(10)
    succeed(breaker)
    breaker.settle(late, BreakerOutcome.SUCCESS)
    assert told.outcomes[-2:] == ["success", "stale"]


def test_good_trials_of_before_a_bad_one_do_not_count() -> None:
    clock = Clock()
    breaker = half_open(clock, success_threshold=2)
    succeed(breaker)
    fail(breaker)
    clock.advance(10)
    succeed(breaker)
    assert breaker.state == "half_open"


def test_a_permit_settles_once() -> None:
    told = Told()
    breaker = make(listener=told)
    permit = breaker.admit()
    assert not permit.settled
    for outcome in (BreakerOutcome.FAILURE, BreakerOutcome.SUCCESS, BreakerOutcome.FAILURE):
        breaker.settle(permit, outcome)
    assert permit.settled
    assert told.outcomes == ["failure"]


@pytest.mark.parametrize("outcome", [BreakerOutcome.STALE, BreakerOutcome.REJECTED])
def test_what_only_the_breaker_finds_is_no_outcome_to_settle_with(outcome: BreakerOutcome) -> None:
    breaker = make()
    with pytest.raises(ValueError, match=f"outcome: {outcome} must be success, failure or ignored"):
        breaker.settle(breaker.admit(), outcome)


def test_a_hung_trial_cannot_wedge_it() -> None:
    clock = Clock()
    breaker = half_open(clock, trial_lease_seconds=60)
    hung = breaker.admit()
    clock.advance(59)
    with pytest.raises(BreakerOpenError):
        breaker.admit()
    clock.advance(1)
    succeed(breaker)
    assert breaker.closed
    breaker.settle(hung, BreakerOutcome.FAILURE)
    assert breaker.closed
    assert breaker.failure_count == 0


def test_a_trial_that_outlived_its_lease_is_stale_though_the_breaker_is_still_half_open() -> None:
    clock, told = Clock(), Told()
    breaker = half_open(clock, trial_lease_seconds=60, listener=told)
    hung = breaker.admit()
    clock.advance(60)
    breaker.admit()
    breaker.settle(hung, BreakerOutcome.FAILURE)
    assert told.outcomes[-1] == "stale"
    assert breaker.state == "half_open"


def test_a_recovery_timeout_of_0_is_honoured() -> None:
    breaker = make(recovery_timeout=0)
    fail(breaker, 3)
    succeed(breaker)
    assert breaker.closed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"failure_threshold": 0}, "failure_threshold: 0 must be at least 1"),
        ({"recovery_timeout": -1}, "recovery_timeout: -1 must be 0 or more seconds"),
        ({"success_threshold": 0}, "success_threshold: 0 must be at least 1"),
        ({"half_open_max_calls": 0}, "half_open_max_calls: 0 must be at least 1"),
        ({"call_timeout_seconds": 0}, "call_timeout_seconds: 0 must be more than 0"),
        ({"slow_call_seconds": 0}, "slow_call_seconds: 0 must be more than 0"),
        ({"trial_lease_seconds": 0}, "trial_lease_seconds: 0 must be more than 0"),
        ({"expected_exception": ()}, r"expected_exception: \(\) must be at least one type of exception"),
        ({"ignored_exception": []}, r"ignored_exception: \(\) must be at least one type of exception"),
    ],
)
def test_a_bad_value_is_refused_not_replaced(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_a_generator_collected_while_the_lock_is_held_does_not_hang() -> None:
    breaker = make()
    generator = breaker.call_generator(lambda: iter([1, 2]))
    next(generator)
    cycle = [generator]
    cycle.append(cycle)  # type: ignore[arg-type]
    del generator

    def collect() -> None:
        nonlocal cycle
        with breaker._lock:
            del cycle
            gc.collect()

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    thread.join(timeout=5)
    assert not thread.is_alive()
