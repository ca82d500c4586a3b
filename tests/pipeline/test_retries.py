from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import pytest
import stamina

from pipeline import BreakerOpenError, Dependency, Meter, Retries
from pipeline.providers.error import ProviderError
from pipeline.retries import log_retries_as_ours
from tests.clock import Clock
from tests.pipeline.counted import Counted


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody sleeps: how long each would have is noted here, and the clock of the retries moves on."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        CLOCK.advance(seconds)

    def sleep_sync(seconds: float) -> None:
        waited.append(seconds)
        CLOCK.advance(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(time, "sleep", sleep_sync)
    return waited


CLOCK = Clock()


def retries(**options: Any) -> Retries:
    plain: dict[str, Any] = {"first_wait_seconds": 1.0, "jitter_seconds": 0.0, "clock": CLOCK}
    return Retries(**plain | options)


class Provider:
    """Fails so often, then answers."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.failures = failures
        self.error = error
        self.asked = 0

    async def ask(self) -> str:
        return self.ask_sync()

    def ask_sync(self) -> str:
        self.asked += 1
        if self.asked <= self.failures:
            raise ConnectionError if self.error is None else self.error
        return "answer"


def failing_with(status: int, **headers: str) -> Provider:
    return Provider(1, ProviderError("openrouter", f"status {status}", status, headers or None))


async def test_retries_are_off_unless_asked_for(waits: list[float]) -> None:
    provider = Provider(1)
    with pytest.raises(ConnectionError):
        await Counted().dependency.call(provider.ask)
    assert provider.asked == 1


async def test_every_attempt_is_admitted_and_counted(waits: list[float]) -> None:
    counted = Counted(retries=retries(attempts=3))
    assert await counted.dependency.call(Provider(2).ask) == "answer"
    assert counted.calls() == {"error": 2, "success": 1}
    assert counted.judged() == {"failure": 2, "success": 1}
    assert waits == [1.0, 2.0]


async def test_the_last_error_goes_on(waits: list[float]) -> None:
    counted = Counted(retries=retries(attempts=2))
    with pytest.raises(ConnectionError):
        await counted.dependency.call(Provider(5).ask)
    assert counted.calls() == {"error": 2}


async def test_a_breaker_that_opens_ends_the_retries(waits: list[float]) -> None:
    counted = Counted(retries=retries(attempts=10), failure_threshold=2)
    with pytest.raises(BreakerOpenError):
        await counted.dependency.call(Provider(10).ask)
    assert counted.calls() == {"error": 2, "rejected_breaker": 1}


async def test_what_the_provider_asks_for_in_retry_after_is_waited(waits: list[float]) -> None:
    counted = Counted(retries=retries())
    provider = failing_with(429, **{"Retry-After": "7"})
    assert await counted.dependency.call(provider.ask) == "answer"
    assert waits == [7.0]


async def test_a_longer_retry_after_than_allowed_ends_the_retries(waits: list[float]) -> None:
    counted = Counted(retries=retries(max_retry_after_seconds=5))
    with pytest.raises(ProviderError):
        await counted.dependency.call(failing_with(429, **{"Retry-After": "7"}).ask)
    assert waits == []


async def test_a_retry_is_logged_with_its_reason_and_nothing_of_the_request(
    waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    log_retries_as_ours()
    try:
        await Counted(retries=retries()).dependency.call(failing_with(503).ask)
        with pytest.raises(ValueError, match="SECRET"):
            await Counted(retries=retries(on=lambda _: True, attempts=2)).dependency.call(
                Provider(5, ValueError("SECRET")).ask
            )
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)
    assert caplog.messages == [
        "call.retried dependency=openrouter attempt=2 wait_seconds=1.00 reason=status 503",
        "call.retried dependency=openrouter attempt=2 wait_seconds=1.00 reason=ValueError",
    ]


@pytest.mark.parametrize("status", [400, 401, 404, 422])
async def test_a_wrong_request_is_not_tried_again(status: int, waits: list[float]) -> None:
    provider = failing_with(status)
    with pytest.raises(ProviderError):
        await Counted(retries=retries()).dependency.call(provider.ask)
    assert provider.asked == 1


async def test_no_wait_ends_past_the_total(waits: list[float]) -> None:
    counted = Counted(retries=retries(attempts=100, max_total_seconds=10.0), failure_threshold=100)
    with pytest.raises(ConnectionError):
        await counted.dependency.call(Provider(100).ask)
    assert waits == [1.0, 2.0, 4.0]


async def test_a_retry_after_past_the_total_is_not_waited(waits: list[float]) -> None:
    counted = Counted(retries=retries(max_total_seconds=5.0))
    with pytest.raises(ProviderError):
        await counted.dependency.call(failing_with(503, **{"Retry-After": "6"}).ask)
    assert waits == []


def test_sync_calls_are_tried_again_too(waits: list[float]) -> None:
    counted = Counted(retries=retries())
    assert counted.dependency.call_sync(Provider(1).ask_sync) == "answer"
    assert counted.calls() == {"error": 1, "success": 1}
    assert waits == [1.0]


async def test_missing_stamina_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stamina", None)
    with pytest.raises(ModuleNotFoundError, match=r"pipeline-sidecar\[retries\]"):
        await Counted(retries=retries()).dependency.call(Provider(0).ask)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("attempts", 1),
        ("max_total_seconds", 0.0),
        ("first_wait_seconds", float("nan")),
        ("max_wait_seconds", float("inf")),
        ("jitter_seconds", -1.0),
        ("max_retry_after_seconds", -0.1),
    ],
)
def test_a_bad_value_is_refused_by_its_key(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=key):
        Retries(**{key: value})  # type: ignore[arg-type]


def test_each_retry_is_logged_with_the_dependency_whose_call_it_is(
    waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    outer, inner = Counted(retries=retries()), Dependency("firecrawl", meter=Meter(), retries=retries())

    def ask() -> None:
        inner.call_sync(Provider(1).ask_sync)
        raise ConnectionResetError

    log_retries_as_ours()
    try:
        with pytest.raises(ConnectionResetError):
            outer.dependency.call_sync(ask)
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)
    assert [(message.split()[1], message.split()[-1]) for message in caplog.messages] == [
        ("dependency=firecrawl", "reason=ConnectionError"),
        ("dependency=openrouter", "reason=ConnectionResetError"),
    ] * 2 + [("dependency=firecrawl", "reason=ConnectionError")]


async def test_a_test_of_what_is_worth_a_retry_that_fails_itself_hides_nothing(
    waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConnectionError):
        await Counted(retries=retries(on=lambda _: 1 / 0)).dependency.call(Provider(9).ask)
    assert waits == []
    assert "retries.test_failed dependency=openrouter" in caplog.text
