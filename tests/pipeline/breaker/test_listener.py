from __future__ import annotations

import threading

import pytest

from pipeline.metrics import BreakerOutcome, BreakerState
from tests.clock import Clock
from tests.pipeline.breaker.told import Told, fail, half_open, make, succeed


def test_every_transition_is_told_in_order() -> None:
    clock, told = Clock(), Told()
    succeed(half_open(clock, listener=told))
    assert told.transitions == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")]


def test_a_refusal_and_a_stale_answer_are_told() -> None:
    told = Told()
    breaker = make(listener=told)
    late = breaker.admit()
    fail(breaker, 3)
    breaker.settle(late, BreakerOutcome.SUCCESS)
    with pytest.raises(Exception, match="is open"):
        breaker.admit()
    assert told.outcomes == ["failure", "failure", "failure", "stale", "rejected"]


def test_one_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Told):
        def on_outcome(self, outcome: BreakerOutcome) -> None:
            raise RuntimeError("the listener's own")

        def on_transition(self, from_state: BreakerState, to_state: BreakerState) -> None:
            raise RuntimeError("the listener's own")

    breaker = make(listener=Broken())
    assert breaker.call(lambda: 7) == 7
    fail(breaker, 3)
    assert breaker.opened
    assert caplog.text.count("breaker.listener_failed breaker=openrouter") == 5


def test_it_may_use_the_breaker_and_still_hears_things_in_order() -> None:
    class Resets(Told):
        def on_transition(self, from_state: BreakerState, to_state: BreakerState) -> None:
            super().on_transition(from_state, to_state)
            if to_state is BreakerState.OPEN:
                breaker.reset()

    told = Resets()
    breaker = make(listener=told)
    fail(breaker, 3)
    assert told.transitions == [("closed", "open"), ("open", "closed")]


def test_while_one_thread_tells_another_one_leaves_its_transitions_to_it() -> None:
    telling, go_on = threading.Event(), threading.Event()

    class Slow(Told):
        def on_transition(self, from_state: BreakerState, to_state: BreakerState) -> None:
            if not self.transitions:
                telling.set()
                assert go_on.wait(5)
            super().on_transition(from_state, to_state)

    told = Slow()
    breaker = make(listener=told)
    thread = threading.Thread(target=breaker.force_open)
    thread.start()
    assert telling.wait(5)
    breaker.reset()
    assert told.transitions == []
    go_on.set()
    thread.join(5)
    assert told.transitions == [("closed", "open"), ("open", "closed")]
