from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from pipeline.ledger.mongodb.server_clock import ServerClock
from tests.clock import Clock

AHEAD = time.time() + 3600
"""What a server says whose clock is an hour ahead of ours."""


def measured(clock: ServerClock, *, ahead: float = AHEAD, asked_at: float, answered_at: float) -> None:
    clock.measured(datetime.fromtimestamp(ahead, UTC), asked_at, answered_at)


def test_time_goes_by_a_server_that_is_an_hour_ahead_of_this_machine() -> None:
    local = Clock(50.0)
    clock = ServerClock(local)
    measured(clock, asked_at=50.0, answered_at=50.1)
    local.now = 50.05  # the middle of the round trip
    assert clock.now() == pytest.approx(AHEAD, abs=1e-6)
    local.advance(1000)
    assert clock.now() == pytest.approx(AHEAD + 1000, abs=1e-6)
    assert clock.error_seconds == pytest.approx(0.051)


def test_a_slow_answer_moves_only_a_clock_that_knows_no_better() -> None:
    local = Clock(50.0)
    clock = ServerClock(local)
    measured(clock, asked_at=40.0, answered_at=50.0)
    assert clock.now() == pytest.approx(AHEAD + 5, abs=1e-6)
    assert clock.error_seconds == pytest.approx(5.001)

    measured(clock, ahead=AHEAD + 100, asked_at=48.0, answered_at=50.0)
    assert clock.now() == pytest.approx(AHEAD + 101, abs=1e-6)

    measured(clock, asked_at=50.0, answered_at=50.0)
    measured(clock, ahead=AHEAD + 200, asked_at=49.0, answered_at=50.0)
    assert clock.now() == pytest.approx(AHEAD, abs=1e-6)
    assert clock.error_seconds == pytest.approx(0.001)


def test_the_server_is_asked_again_after_a_minute_and_at_once_after_a_slow_answer() -> None:
    local = Clock(50.0)
    clock = ServerClock(local)
    assert clock.is_due
    measured(clock, asked_at=50.0, answered_at=50.0)
    local.advance(59)
    assert not clock.is_due
    local.advance(1)
    assert clock.is_due
    measured(clock, asked_at=109.0, answered_at=110.0)
    assert clock.is_due
    measured(clock, asked_at=110.0, answered_at=110.0)
    assert not clock.is_due
