from __future__ import annotations

import circuitbreaker
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.breaker import Breaker
from tests.clock import Clock

SECONDS = st.integers(0, 12)
CALLS = st.sampled_from([None, ConnectionError, ValueError])


@given(
    threshold=st.integers(1, 4),
    timeout=st.integers(1, 10),
    life=st.lists(st.tuples(SECONDS, CALLS), max_size=40),
)
def test_one_task_sees_what_circuitbreaker_would_show(
    threshold: int, timeout: int, life: list[tuple[int, type[Exception] | None]]
) -> None:
    """Calls one after another, as decorated functions make them, are where the two do not differ."""
    clock = Clock(0.0)

    def call(error: type[Exception] | None) -> None:
        if error is not None:
            raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(circuitbreaker, "monotonic", clock)
        patch.setattr(circuitbreaker.CircuitBreakerMonitor, "circuit_breakers", {})
        theirs = circuitbreaker.CircuitBreaker(threshold, timeout, ConnectionError, "theirs")
        ours = Breaker(threshold, timeout, ConnectionError, "ours", clock=clock)
        sides = [(theirs, theirs(call)), (ours, ours(call))]
        for seconds, error in life:
            clock.advance(seconds)
            seen = []
            for breaker, guarded in sides:
                try:
                    guarded(error)
                except circuitbreaker.CircuitBreakerError:
                    answer = "refused"
                except Exception as raised:  # noqa: BLE001
                    answer = repr(raised)
                else:
                    answer = "answered"
                remaining = 0 if breaker.closed else breaker.open_remaining
                failure = repr(breaker.last_failure)
                seen.append((answer, breaker.state, breaker.failure_count, remaining, failure))
            assert seen[0] == seen[1]
