from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest

from pipeline import BreakerOpenError, BudgetExceededError, RateLimitedError
from pipeline.ledger.day_rates import DayRates
from pipeline.ledger.minute_rates import MinuteRates
from pipeline.metrics import Window
from tests.clock import Clock
from tests.pipeline.limited import NOON, Limited


def limited_to(permits: int, *, max_wait_seconds: float = 0.0, **options: Any) -> Limited:
    """A minute's permits; the clock that calls wait by is the ledger's too."""
    clock = Clock()
    rates = MinuteRates(permits, monotonic_ns=lambda: round(clock.now * 1e9))
    return Limited(rates=rates, max_wait_seconds=max_wait_seconds, clock=clock, **options)


async def test_beyond_the_limit_a_call_is_refused_and_told_when_to_come_again() -> None:
    limited = limited_to(2)
    for _ in range(2):
        await limited.call()
    limited.clock.advance(20)
    with pytest.raises(RateLimitedError) as refused:
        await limited.call()
    assert str(refused.value) == "openrouter: its 2 calls a minute are used up; try again in 40.0 s"
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)
    assert limited.decisions("rate_limit") == {"allowed": 2, "rejected": 1}
    limited.clock.advance(40)
    await limited.call()


@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_call_waits_as_long_as_it_may(in_thread: bool) -> None:
    limited = limited_to(1, max_wait_seconds=60)
    await limited.call()
    before = limited.clock.now
    if in_thread:
        limited.dependency.call_sync(lambda: "answer", max_usd=0.0)
    else:
        await limited.call()
    assert limited.clock.now - before == pytest.approx(60)
    assert limited.decisions("rate_limit") == {"allowed": 1, "waited": 1}
    assert limited.value("pipeline_rate_limit_wait_seconds_sum", dependency="openrouter") == pytest.approx(60)


async def test_who_would_have_to_wait_too_long_is_refused_at_once() -> None:
    limited = limited_to(1, max_wait_seconds=59)
    await limited.call()
    before = limited.clock.now
    with pytest.raises(RateLimitedError):
        await limited.call()
    assert limited.clock.now == before


async def test_a_call_can_cost_more_than_one_permit() -> None:
    limited = limited_to(10)
    await limited.call(permits=7)
    with pytest.raises(RateLimitedError):
        await limited.call(permits=4)
    await limited.call(permits=3)
    assert limited.value("pipeline_rate_limit_remaining", dependency="openrouter", window="minute") == 0


async def test_a_call_that_asks_for_more_than_a_window_has_never_passes() -> None:
    limited = limited_to(10, max_wait_seconds=3600)
    with pytest.raises(RateLimitedError, match="the call asks for more than all its 10 a minute"):
        await limited.call(permits=11)


async def test_a_call_that_a_later_gate_refuses_gives_its_permit_back() -> None:
    limited = limited_to(1)
    with pytest.raises(BudgetExceededError):
        await limited.call(max_usd=2.0)
    limited.dependency.breaker.force_open()
    with pytest.raises(BreakerOpenError):
        await limited.call()
    assert limited.value("pipeline_rate_limit_remaining", dependency="openrouter", window="minute") == 1


async def test_a_days_permits_are_new_at_midnight_utc() -> None:
    clock = Clock(NOON)
    limited = Limited(rates=DayRates(1, clock=clock), clock=clock)
    await limited.call()
    with pytest.raises(RateLimitedError) as refused:
        await limited.call()
    assert refused.value.retry_after_seconds == 43_200
    assert refused.value.window is Window.DAY
    clock.advance(43_200)
    await limited.call()


class BusyError(Exception):
    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self.headers = headers


TOMORROW = "2024-10-05T12:00:00Z"  # a day after NOON


@pytest.mark.parametrize(
    ("status", "headers", "pause_seconds"),
    [
        (429, {"Retry-After": "7"}, 7),
        (503, {"retry-after": "7"}, 7),
        (529, {"retry-after": "7"}, 7),
        (429, {"Retry-After": "Fri, 04 Oct 2024 12:00:30 GMT"}, 30),
        (429, {"Retry-After": "99999999"}, 3600),
        (429, {"Retry-After": "soon"}, 0),
        (429, {}, 0),
        (500, {"Retry-After": "7"}, 0),
        (429, {"X-RateLimit-Remaining-Requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360),
        (429, {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1.5s"}, 1.5),
        (429, {"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "1.5s"}, 0),
        (429, {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "for ever"}, 0),
        (
            429,
            {
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2024-10-04T12:00:20Z",
            },
            20,
        ),
        (
            429,
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": TOMORROW,
            },
            3600,
        ),
        (429, {"anthropic-ratelimit-requests-remaining": "0"}, 0),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOON * 1000 + 9000:.0f}"}, 9),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 60}, 3600),
    ],
)
async def test_a_busy_provider_pauses_the_gate(
    status: int, headers: dict[str, str], pause_seconds: float
) -> None:
    async def fail() -> None:
        raise BusyError(status, headers)

    limited = limited_to(100, failure_threshold=100)
    with pytest.raises(BusyError):
        await limited.dependency.call(fail, max_usd=0.0)
    if pause_seconds:
        with pytest.raises(RateLimitedError) as refused:
            await limited.call()
        assert refused.value.retry_after_seconds == pytest.approx(pause_seconds)
        limited.clock.advance(pause_seconds)
    await limited.call()


async def test_an_answers_headers_pause_the_gate_before_a_429_does() -> None:
    limited = limited_to(100)
    assert limited.rate_limit is not None
    limited.rate_limit.heed({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms"})
    with pytest.raises(RateLimitedError):
        await limited.call()


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    clock = Clock()
    rates = MinuteRates(10, monotonic_ns=lambda: round(clock.now * 1e9))
    for seconds in (30.0, 5.0, -1.0, float("nan")):
        rates.pause(seconds)
    assert rates.take_blocking(1) == asyncio.run(rates.take_async(1))
    clock.advance(29)
    assert getattr(rates.take(1), "seconds", 0) == pytest.approx(1)
