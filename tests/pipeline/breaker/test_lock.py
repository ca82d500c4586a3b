"""The breaker's lock is not held while a function runs that was passed in: another thread gets it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from pipeline.breaker import Backoff, Breaker
from pipeline.metrics import BreakerOutcome, BreakerState
from tests.clock import Clock
from tests.pipeline.breaker.told import make

T = TypeVar("T")


class OtherThread:
    """Takes the breaker's lock whenever the main thread runs a function that was passed in."""

    def __init__(self) -> None:
        self.breaker: Breaker | None = None
        self.got_it: defaultdict[str, set[bool]] = defaultdict(set)

    def within(self, name: str, run: Callable[[], T]) -> Callable[..., T]:
        """The function to pass in, under a name for `got_it`."""

        def passed_in(*_: object) -> T:
            self._try(name)
            return run()

        return passed_in

    def begin(self, breaker: Breaker) -> None:
        # A permit that is settled: to settle it again takes the lock, and does nothing else.
        self._permit = breaker.admit()
        breaker.settle(self._permit, BreakerOutcome.IGNORED)
        self.breaker = breaker

    def _try(self, name: str) -> None:
        is_other = threading.current_thread() is not threading.main_thread()
        if self.breaker is None or is_other or False in self.got_it[name]:
            return
        settling = (self._permit, BreakerOutcome.FAILURE)
        thread = threading.Thread(target=self.breaker.settle, args=settling, daemon=True)
        thread.start()
        thread.join(5)
        self.got_it[name].add(not thread.is_alive())


class Listener:
    def __init__(self, other: OtherThread) -> None:
        self._other = other

    def on_outcome(self, outcome: BreakerOutcome) -> None:
        self._other.within(f"on_outcome {outcome.value}", lambda: None)()

    def on_transition(self, from_state: BreakerState, to_state: BreakerState) -> None:
        self._other.within(f"on_transition {from_state.value} {to_state.value}", lambda: None)()


def broken() -> None:
    raise ConnectionError


def test_no_function_that_was_passed_in_runs_under_the_lock() -> None:
    clock, other = Clock(), OtherThread()
    breaker = make(
        other.within("clock", clock),  # type: ignore[arg-type]
        expected_exception=other.within("expected_exception", lambda: True),
        ignored_exception=other.within("ignored_exception", lambda: False),
        fallback_function=other.within("fallback_function", lambda: None),
        backoff=Backoff(jitter=0.1, random=other.within("random", lambda: 0.0)),
        listener=Listener(other),
    )
    other.begin(breaker)
    guarded = breaker(other.within("function", lambda: None))
    guarded()
    for _ in range(3):
        with suppress(ConnectionError):
            breaker.call(broken)
    guarded()
    clock.advance(10)
    guarded()
    breaker.force_open()
    breaker.reset()

    passed_in = (
        "clock",
        "expected_exception",
        "ignored_exception",
        "fallback_function",
        "random",
        "function",
        "on_outcome success",
        "on_outcome failure",
        "on_outcome rejected",
        "on_transition closed open",
        "on_transition open half_open",
        "on_transition half_open closed",
        "on_transition open closed",
    )
    assert other.got_it == {name: {True} for name in passed_in}
