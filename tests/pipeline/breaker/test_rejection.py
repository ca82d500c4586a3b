from __future__ import annotations

import gc
import math
import pickle
import weakref
from typing import Any

import circuitbreaker
import pytest

from pipeline.breaker import Breaker, BreakerOpenError
from pipeline.metrics import Window
from pipeline.rejections import (
    BudgetExceededError,
    BudgetUnavailableError,
    RateLimitedError,
    RejectedError,
)
from tests.clock import Clock
from tests.pipeline.breaker.told import fail, half_open, make


def refusal(breaker: Breaker) -> BreakerOpenError:
    with pytest.raises(circuitbreaker.CircuitBreakerError) as refused:
        breaker.admit()
    assert isinstance(refused.value, BreakerOpenError)
    return refused.value


def test_it_says_when_to_ask_again() -> None:
    clock = Clock()
    breaker = make(clock)
    fail(breaker, 3)
    clock.advance(4)
    error = refusal(breaker)
    assert error.retry_after_seconds == 6
    assert str(error) == "circuit breaker openrouter is open; try again in 6.0 s"


def test_during_a_trial_it_says_to_ask_after_another_recovery_timeout_at_most() -> None:
    clock = Clock()
    breaker = half_open(clock, trial_lease_seconds=60)
    breaker.admit()
    assert refusal(breaker).retry_after_seconds == 10
    clock.advance(55)
    assert refusal(breaker).retry_after_seconds == 5


def test_it_does_not_change_when_the_breaker_does() -> None:
    clock = Clock()
    breaker = make(clock)
    fail(breaker, 3)
    error = refusal(breaker)
    said = str(error)
    clock.advance(5)
    breaker.reset()
    assert str(error) == said


def test_it_is_fresh_each_time() -> None:
    breaker = make()
    fail(breaker, 3)
    assert refusal(breaker) is not refusal(breaker)


def test_it_is_one_of_our_refusals_and_circuitbreakers_error() -> None:
    error = BreakerOpenError("openrouter", 2.5)
    assert isinstance(error, RejectedError)
    assert isinstance(error, circuitbreaker.CircuitBreakerError)
    assert (error.dependency, error.outcome.value) == ("openrouter", "rejected_breaker")


@pytest.mark.parametrize("seconds", [2.5, math.inf])
def test_it_can_be_pickled(seconds: float) -> None:
    error = BreakerOpenError("openrouter", seconds)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.name, copy.dependency) == ("openrouter", "openrouter")
    assert (copy.retry_after_seconds, str(copy)) == (seconds, str(error))


@pytest.mark.parametrize(
    "error",
    [
        BreakerOpenError("openrouter", 2.5),
        BudgetExceededError("openrouter", limit_usd=1, spent_usd=1, asked_usd=0.5, retry_after_seconds=9),
        BudgetUnavailableError("openrouter", retry_after_seconds=1),
        RateLimitedError("openrouter", limit=5, window=Window.MINUTE, retry_after_seconds=3),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_refusal_with_a_note_can_be_pickled(error: RejectedError) -> None:
    error.add_note("while the third posting was read")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def refuse() -> None:
    raise ConnectionError("refused")


class Held:
    """Something big that a failing call has in its hands."""


class StatusError(Exception):
    def __init__(self, status: int, response: object) -> None:
        super().__init__(f"status {status}", response)
        self.status = status
        self.response = response

    def __str__(self) -> str:
        return f"{self.status}"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda error: error,
        lambda error: ExceptionGroup("several", [error]),
        lambda error: ValueError("wrapped", error),
    ],
    ids=["alone", "in a group", "as an argument"],
)
def test_the_last_failure_holds_on_to_nothing(wrap: Any) -> None:
    breaker = make()
    references = []

    def call() -> None:
        held = Held()
        references.append(weakref.ref(held))
        try:
            refuse()
        except ConnectionError as error:
            raise wrap(error) from error

    with pytest.raises(Exception, match=r"refused|several|wrapped"):
        breaker.call(call)
    gc.collect()
    assert references[0]() is None
    assert breaker.last_failure is not None


def test_the_last_failure_keeps_its_type_and_plain_attributes() -> None:
    breaker = make()
    response = Held()
    breaker.settle_raised(breaker.admit(), StatusError(503, response))
    kept = breaker.last_failure
    assert isinstance(kept, StatusError)
    assert (kept.status, str(kept)) == (503, "503")
    assert not hasattr(kept, "response")


def test_a_failure_that_cannot_be_copied_is_named() -> None:
    class StubbornError(Exception):
        def __new__(cls, *, needed: int) -> StubbornError:  # noqa: PYI034
            return super().__new__(cls, needed)

        def __init__(self, *, needed: int) -> None:
            super().__init__(needed)

    breaker = make()
    breaker.settle_raised(breaker.admit(), StubbornError(needed=1))
    assert "StubbornError" in repr(breaker.last_failure)


def test_a_success_forgets_the_last_failure() -> None:
    breaker = make()
    with pytest.raises(ZeroDivisionError):
        breaker.call(lambda: 1 / 0)
    assert isinstance(breaker.last_failure, ZeroDivisionError)
    breaker.call(lambda: 1)
    assert breaker.last_failure is None
