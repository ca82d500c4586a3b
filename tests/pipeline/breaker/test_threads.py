"""64 threads that the interpreter switches between as often as it can."""

from __future__ import annotations

import itertools
import random
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry

from pipeline import Dependency, Meter
from pipeline.breaker import Breaker, BreakerOpenError
from pipeline.metrics import BreakerOutcome
from tests.clock import Clock
from tests.pipeline.breaker.told import BY_HAND, LEGAL, Told, half_open, make

THREADS = 64
OUTCOMES = (BreakerOutcome.SUCCESS, BreakerOutcome.FAILURE, BreakerOutcome.IGNORED)


@pytest.fixture(autouse=True)
def hectic() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(run: Callable[[int], None]) -> None:
    """Run it in all threads from the same moment on, and raise what one of them raised."""
    together, errors = threading.Barrier(THREADS), []

    def thread(number: int) -> None:
        together.wait(timeout=10)
        try:
            run(number)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=thread, args=(number,)) for number in range(THREADS)]
    for started in threads:
        started.start()
    for started in threads:
        started.join()
    if errors:
        raise errors[0]


def test_attempts_are_admitted_or_rejected_and_the_metrics_say_the_same() -> None:
    clock, meter = Clock(), Meter()
    dependency = Dependency(
        "openrouter", meter=meter, failure_threshold=3, recovery_timeout_seconds=1, clock=clock
    )
    breaker = dependency.breaker
    admitted, rejected = itertools.count(), itertools.count()

    def run(number: int) -> None:
        dice = random.Random(number)  # noqa: S311
        held = []
        for _ in range(30):
            if dice.random() < 0.2:
                clock.advance(0.5)
            try:
                held.append(breaker.admit())
                next(admitted)
            except BreakerOpenError:
                next(rejected)
            if len(held) > 2 or (held and dice.random() < 0.7):
                breaker.settle(held.pop(dice.randrange(len(held))), dice.choice(OUTCOMES))
        for permit in held:
            breaker.settle(permit, BreakerOutcome.SUCCESS)
        assert len(breaker._trials) <= 1

    in_threads(run)
    registry = CollectorRegistry()
    registry.register(meter)
    samples = [sample for family in registry.collect() for sample in family.samples]
    counted = {
        sample.labels["outcome"]: sample.value
        for sample in samples
        if sample.name == "circuit_breaker_calls_total"
    }
    assert counted["rejected"] == next(rejected)
    assert sum(counted.values()) - counted["rejected"] == next(admitted)
    assert sum(counted.values()) == THREADS * 30
    transitions = sum(
        sample.value for sample in samples if sample.name == "circuit_breaker_transitions_total"
    )
    assert transitions == breaker._epoch
    states = {
        sample.labels["state"]: sample.value for sample in samples if sample.name == "circuit_breaker_state"
    }
    assert states == {state: float(state == breaker._now_in.value) for state in states}


def test_transitions_are_told_in_order() -> None:
    clock, told = Clock(), Told()
    breaker = make(clock, failure_threshold=1, recovery_timeout=0, listener=told)

    def run(number: int) -> None:
        for turn in range(20):
            try:
                permit = breaker.admit()
            except BreakerOpenError:
                continue
            breaker.settle(permit, OUTCOMES[(number + turn) % 3])

    in_threads(run)
    assert told.in_order()
    assert set(told.transitions) <= LEGAL | BY_HAND
    assert len(told.transitions) == breaker._epoch
    assert len(told.transitions) > 10


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_trials_are_under_way_than_allowed(limit: int) -> None:
    breaker = half_open(Clock(), half_open_max_calls=limit, success_threshold=10**9)
    under_way: list[None] = []
    most = []

    def trial() -> None:
        under_way.append(None)
        most.append(len(under_way))
        under_way.pop()

    def run(_number: int) -> None:
        for _ in range(20):
            try:
                breaker.call(trial)
            except BreakerOpenError:
                continue

    in_threads(run)
    assert max(most) <= limit


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_permit_that_all_threads_settle_counts_once(outcome: BreakerOutcome) -> None:
    told = Told()
    breaker: Breaker = make(listener=told, failure_threshold=10**9)
    permits = [breaker.admit() for _ in range(20)]

    def run(_number: int) -> None:
        for permit in permits:
            breaker.settle(permit, outcome)

    in_threads(run)
    assert told.outcomes == [outcome.value] * 20
