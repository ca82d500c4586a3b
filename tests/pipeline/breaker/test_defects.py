"""Every defect in the table of facts about circuitbreaker 2.1.3: the parent has it, ours has not."""

from __future__ import annotations

import functools
import inspect

import circuitbreaker
import pytest

from pipeline.breaker import Breaker
from tests.clock import Clock
from tests.pipeline.breaker import defects_of_calls, defects_of_states
from tests.pipeline.breaker.subject import Subject

DEFECTS = {
    name: question
    for module in (defects_of_states, defects_of_calls)
    for name, question in inspect.getmembers(module, inspect.iscoroutinefunction)
    if question.__module__ == module.__name__ and not name.startswith("_")
}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of both: the parent reads it from its module, ours is given it."""
    clock = Clock()
    monkeypatch.setattr(circuitbreaker, "monotonic", clock)
    monkeypatch.setattr(circuitbreaker.CircuitBreakerMonitor, "circuit_breakers", {})
    return clock


def test_there_are_as_many_as_the_facts_name() -> None:
    assert len(DEFECTS) == 30


@pytest.mark.parametrize("name", DEFECTS)
async def test_the_parent_has_it(name: str, clock: Clock) -> None:
    assert await DEFECTS[name](Subject(circuitbreaker.CircuitBreaker, clock))


@pytest.mark.parametrize("name", DEFECTS)
async def test_ours_has_not(name: str, clock: Clock) -> None:
    assert not await DEFECTS[name](Subject(functools.partial(Breaker, clock=clock), clock))
