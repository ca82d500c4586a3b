from __future__ import annotations

import asyncio
import pickle
from typing import Any

import circuitbreaker
import pytest

from pipeline.breaker import Breaker, BreakerOpenError
from pipeline.metrics import BreakerOutcome, BreakerState
from tests.clock import Clock


class Told:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.transitions: list[tuple[str, str]] = []

    def on_outcome(self, outcome: BreakerOutcome) -> None:
        self.outcomes.append(outcome.value)

    def on_transition(self, from_state: BreakerState, to_state: BreakerState) -> None:
        self.transitions.append((from_state.value, to_state.value))


def make(clock: Clock | None = None, /, **options: Any) -> Breaker:
    defaults = {"failure_threshold": 3, "recovery_timeout": 10, "name": "openrouter"}
    return Breaker(**{**defaults, **options}, clock=clock or Clock())


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.settle(breaker.admit(), BreakerOutcome.FAILURE)


def succeed(breaker: Breaker) -> None:
    breaker.settle(breaker.admit(), BreakerOutcome.SUCCESS)


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
    clock = Clock()
    breaker = make(clock)
    fail(breaker, 3)
    clock.advance(10)
    trial = breaker.admit()
    with pytest.raises(BreakerOpenError):
        breaker.admit()
    breaker.settle(trial, BreakerOutcome.SUCCESS)
    assert breaker.closed


def test_a_failed_trial_opens_it_for_another_recovery_timeout() -> None:
    clock = Clock()
    breaker = make(clock)
    fail(breaker, 3)
    clock.advance(10)
    fail(breaker)
    assert breaker.open_remaining == 10
    clock.advance(9.5)
    with pytest.raises(BreakerOpenError):
        breaker.admit()


def test_it_closes_after_as_many_good_trials_as_asked() -> None:
    clock = Clock()
    breaker = make(clock, success_threshold=2)
    fail(breaker, 3)
    clock.advance(10)
    succeed(breaker)
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
    clock.advance(1)
    succeed(breaker)
    assert breaker.closed


def test_a_stale_answer_is_counted_as_stale() -> None:
    told = Told()
    breaker = make(listener=told)
    late = breaker.admit()
    fail(breaker, 3)
    breaker.settle(late, BreakerOutcome.SUCCESS)
    assert told.outcomes == ["failure", "failure", "failure", "stale"]


def test_a_permit_settles_once() -> None:
    breaker = make()
    permit = breaker.admit()
    for _ in range(5):
        breaker.settle(permit, BreakerOutcome.FAILURE)
    assert breaker.failure_count == 1


async def test_a_cancelled_trial_gives_its_slot_back_and_closes_nothing() -> None:
    clock = Clock()
    breaker = make(clock)
    fail(breaker, 3)
    clock.advance(10)

    started = asyncio.Event()

    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    trial = asyncio.create_task(breaker.call_async(hang))
    await started.wait()
    trial.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trial
    assert breaker.state == "half_open"
    succeed(breaker)
    assert breaker.closed


async def test_a_call_cancelled_after_its_timeout_is_a_failure_whoever_cancelled() -> None:
    clock = Clock()
    breaker = make(clock, failure_threshold=2, call_timeout_seconds=5)

    async def hang() -> None:
        clock.advance(5)
        raise asyncio.CancelledError

    for _ in range(2):
        with pytest.raises(asyncio.CancelledError):
            await breaker.call_async(hang)
    assert breaker.opened


def test_a_hung_trial_cannot_wedge_it() -> None:
    clock = Clock()
    breaker = make(clock, trial_lease_seconds=60)
    fail(breaker, 3)
    clock.advance(10)
    hung = breaker.admit()
    clock.advance(60)
    succeed(breaker)
    assert breaker.closed
    breaker.settle(hung, BreakerOutcome.FAILURE)
    assert breaker.closed
    assert breaker.failure_count == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit()])
def test_what_says_nothing_about_the_provider_is_ignored(error: BaseException) -> None:
    told = Told()
    breaker = make(listener=told)
    breaker.settle_raised(breaker.admit(), error)
    assert told.outcomes == ["ignored"]


def test_an_unmatched_exception_means_that_the_provider_answered() -> None:
    told = Told()
    breaker = make(listener=told, expected_exception=ConnectionError)
    breaker.settle_raised(breaker.admit(), ValueError())
    assert told.outcomes == ["success"]


def test_a_matched_exception_inside_a_group_is_a_failure() -> None:
    told = Told()
    breaker = make(listener=told, expected_exception=ConnectionError)
    breaker.settle_raised(
        breaker.admit(), ExceptionGroup("both", [ValueError(), ExceptionGroup("in", [ConnectionError()])])
    )
    assert told.outcomes == ["failure"]


def test_another_breakers_refusal_does_not_count() -> None:
    told = Told()
    outer = make(listener=told)
    with pytest.raises(BreakerOpenError):
        outer.call(_refuse)
    assert told.outcomes == ["ignored"]


def _refuse() -> None:
    raise BreakerOpenError("inner", 1.0)


def test_a_predicate_that_raises_is_a_failure_and_the_original_error_goes_on() -> None:
    told = Told()

    def broken(_type: object, _error: object) -> bool:
        raise RuntimeError("the predicate's own")

    breaker = make(listener=told, expected_exception=broken)
    with pytest.raises(ValueError, match="original"), breaker:
        raise ValueError("original")
    assert told.outcomes == ["failure"]


def test_a_listener_that_raises_harms_nobody() -> None:
    class Broken(Told):
        def on_outcome(self, outcome: BreakerOutcome) -> None:
            raise RuntimeError("the listener's own")

    assert make(listener=Broken()).call(lambda: 7) == 7


def test_every_transition_is_told_in_order() -> None:
    clock, told = Clock(), Told()
    breaker = make(clock, listener=told)
    fail(breaker, 3)
    clock.advance(10)
    succeed(breaker)
    assert told.transitions == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"failure_threshold": 0}, "failure_threshold: 0 must be at least 1"),
        ({"recovery_timeout": -1}, "recovery_timeout: -1 must be 0 or more seconds"),
        ({"success_threshold": 0}, "success_threshold: 0 must be at least 1"),
        ({"half_open_max_calls": 0}, "half_open_max_calls: 0 must be at least 1"),
        ({"call_timeout_seconds": 0}, "call_timeout_seconds: 0 must be more than 0"),
        ({"trial_lease_seconds": 0}, "trial_lease_seconds: 0 must be more than 0"),
    ],
)
def test_a_bad_value_is_refused_not_replaced(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_a_recovery_timeout_of_0_is_honoured() -> None:
    breaker = make(recovery_timeout=0)
    fail(breaker, 3)
    succeed(breaker)
    assert breaker.closed


def test_with_and_call_refuse_while_open() -> None:
    breaker = make()
    fail(breaker, 3)
    with pytest.raises(circuitbreaker.CircuitBreakerError):
        breaker.call(lambda: None)
    with pytest.raises(circuitbreaker.CircuitBreakerError), breaker:
        pytest.fail("the body ran")


async def test_the_decorator_serves_sync_async_and_generators() -> None:
    told = Told()
    guarded: Any = circuitbreaker.circuit(cls=lambda **_: make(listener=told))

    @guarded  # type: ignore[untyped-decorator]
    def plain() -> int:
        return 1

    @guarded  # type: ignore[untyped-decorator]
    async def coroutine() -> int:
        return 2

    @guarded  # type: ignore[untyped-decorator]
    def generator() -> Any:
        yield 3

    @guarded  # type: ignore[untyped-decorator]
    async def async_generator() -> Any:
        yield 4

    assert (plain(), await coroutine(), list(generator())) == (1, 2, [3])
    assert [element async for element in async_generator()] == [4]
    assert told.outcomes == ["success"] * 4


def test_the_rejection_is_fresh_and_can_be_pickled() -> None:
    error = BreakerOpenError("openrouter", 2.5)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.name, copy.retry_after_seconds) == ("openrouter", 2.5)
    assert str(copy) == "circuit breaker openrouter is open; try again in 2.5 s"


def test_reset_closes_it() -> None:
    breaker = make()
    fail(breaker, 3)
    breaker.reset()
    succeed(breaker)
    assert breaker.closed
