"""When the breakers of the providers open."""

from __future__ import annotations

import pytest

from pipeline import Meter
from pipeline.breaker import Breaker
from pipeline.metrics import BreakerOutcome
from pipeline.providers.guarded import RATES, Guards

FAILURE, SUCCESS = BreakerOutcome.FAILURE, BreakerOutcome.SUCCESS


THRESHOLD = 15
"""Of fifty jobs at once."""


def breaker_of(jobs_at_once: int) -> Breaker:
    return Guards(meter=Meter(), jobs_at_once=jobs_at_once).guarded("openrouter").breaker


@pytest.fixture
def breaker() -> Breaker:
    return breaker_of(50)


def settle(breaker: Breaker, *outcomes: BreakerOutcome) -> None:
    """Calls that are under way at once and end in this order."""
    for permit, outcome in zip([breaker.admit() for _ in outcomes], outcomes, strict=True):
        breaker.settle(permit, outcome)


def test_some_errors_among_many_calls_at_once_open_nothing_though_they_come_back_first(
    breaker: Breaker,
) -> None:
    for _ in range(10):
        settle(breaker, *[FAILURE] * 14, *[SUCCESS] * 36)
        assert breaker.closed


def test_a_dead_provider_opens_it(breaker: Breaker) -> None:
    settle(breaker, *[SUCCESS] * 50, *[FAILURE] * (THRESHOLD - 1))
    assert breaker.closed
    settle(breaker, FAILURE)
    assert breaker.opened


@pytest.mark.parametrize("jobs_at_once", [1, 4, 16])
def test_for_few_jobs_at_once_a_few_failures_are_enough(jobs_at_once: int) -> None:
    breaker = breaker_of(jobs_at_once)
    settle(breaker, *[SUCCESS] * 20, *[FAILURE] * 5)
    assert breaker.opened


def test_a_provider_that_fails_half_of_the_time_opens_it(breaker: Breaker) -> None:
    settle(breaker, *[SUCCESS, FAILURE] * (RATES.minimum_calls // 2 - 1))
    assert breaker.closed
    settle(breaker, SUCCESS, FAILURE)
    assert breaker.opened
