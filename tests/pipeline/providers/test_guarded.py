"""When the breakers of the providers open."""

from __future__ import annotations

import pytest

from pipeline import Meter
from pipeline.breaker import Breaker
from pipeline.metrics import BreakerOutcome
from pipeline.providers.guarded import CONSECUTIVE_FAILURES, RATES, guarded

FAILURE, SUCCESS = BreakerOutcome.FAILURE, BreakerOutcome.SUCCESS


@pytest.fixture
def breaker() -> Breaker:
    return guarded("openrouter", Meter(), None).breaker


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
    settle(breaker, *[SUCCESS] * 50, *[FAILURE] * (CONSECUTIVE_FAILURES - 1))
    assert breaker.closed
    settle(breaker, FAILURE)
    assert breaker.opened


def test_a_provider_that_fails_half_of_the_time_opens_it(breaker: Breaker) -> None:
    settle(breaker, *[SUCCESS, FAILURE] * (RATES.minimum_calls // 2 - 1))
    assert breaker.closed
    settle(breaker, SUCCESS, FAILURE)
    assert breaker.opened
