from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from circuitbreaker import CircuitBreaker, CircuitBreakerMonitor

from tests.pipeline.breaker.told import fail, make


@pytest.fixture(autouse=True)
def registry_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(CircuitBreakerMonitor, "circuit_breakers", {})
    yield
    gc.collect()


def answer() -> int:
    return 1


def test_a_decorated_function_is_in_circuitbreakers_monitor() -> None:
    breaker = make()
    guarded = breaker(answer)
    assert CircuitBreakerMonitor.get("openrouter") is breaker
    assert CircuitBreakerMonitor.all_closed()
    fail(breaker, 3)
    assert list(CircuitBreakerMonitor.get_open()) == [breaker]
    del guarded


def test_it_keeps_nothing_alive() -> None:
    guarded = make()(answer)
    assert len(list(CircuitBreakerMonitor.get_circuits())) == 1
    del guarded
    assert list(CircuitBreakerMonitor.get_circuits()) == []
    assert CircuitBreakerMonitor.get("openrouter") is None


def test_of_two_of_one_name_the_newer_takes_it_and_the_older_stays_listed() -> None:
    older, newer = make(), make()
    older(answer)
    newer(answer)
    older(answer)
    assert CircuitBreakerMonitor.get("openrouter") is newer
    assert CircuitBreakerMonitor.get("openrouter#2") is older
    assert len(list(CircuitBreakerMonitor.get_circuits())) == 2


def test_the_parents_own_breakers_are_kept_as_before() -> None:
    CircuitBreaker(name="before")(answer)
    breaker = make()
    breaker(answer)
    CircuitBreaker(name="after")(answer)
    CircuitBreaker(name="openrouter#2")(answer)
    gc.collect()
    names = {"before", "after", "openrouter", "openrouter#2"}
    assert set(CircuitBreakerMonitor.circuit_breakers) == names


def test_a_parents_own_breaker_whose_name_is_taken_is_kept_too() -> None:
    CircuitBreaker(name="openrouter")(answer)
    breaker = make()
    breaker(answer)
    gc.collect()
    assert CircuitBreakerMonitor.get("openrouter") is breaker
    assert isinstance(CircuitBreakerMonitor.get("openrouter#2"), CircuitBreaker)


def test_several_of_the_parents_own_of_one_name_are_all_kept() -> None:
    breaker = make(name="ours")
    breaker(answer)
    for _ in range(3):
        CircuitBreaker(name="theirs")(answer)
    gc.collect()
    names = {"ours", "theirs", "theirs#2", "theirs#3"}
    assert set(CircuitBreakerMonitor.circuit_breakers) == names


def test_a_parents_own_breaker_takes_the_name_from_ours() -> None:
    breaker = make()
    breaker(answer)
    CircuitBreaker(name="openrouter")(answer)
    assert CircuitBreakerMonitor.get("openrouter#2") is breaker
    assert CircuitBreakerMonitor.get("openrouter") is not breaker
