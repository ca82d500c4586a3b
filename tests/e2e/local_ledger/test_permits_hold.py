"""Never more than N in any 60 s, wherever they are laid; never more than N in a day, restarts included."""

from __future__ import annotations

import asyncio
import tempfile
from bisect import bisect_right
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ledger import Taken, Wait
from pipeline.ledger.day_rates import DayRates
from pipeline.ledger.minute_rates import MinuteRates

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY = 86_400.0
OPENAI_A_MINUTE = 3_500


class Nanoseconds:
    def __init__(self) -> None:
        self.now = 10**15

    def __call__(self) -> int:
        return self.now


def most_in_any_minute(taken_at: list[int]) -> int:
    """Of windows t ≤ x < t + 60 s; the fullest begins with a permit."""
    return max(bisect_right(taken_at, at + MINUTE - 1) - first for first, at in enumerate(taken_at))


@pytest.mark.parametrize("burst_at_second", [0.0, 30.0, 59.0, 59.999999999, 60.0])
def test_a_burst_at_the_edge_of_a_minute_gets_no_second_helping(burst_at_second: float) -> None:
    """As much as is to be had, again and again round the edge: where other windows give 6,999."""
    clock = Nanoseconds()
    rates = MinuteRates(OPENAI_A_MINUTE, monotonic_ns=clock)
    begin, taken_at = clock.now, []
    clock.now += int(burst_at_second * SECOND)
    moments = [0, 1, SECOND, MINUTE - 1, MINUTE, MINUTE + 1, MINUTE + SECOND, 2 * MINUTE]
    for moment in sorted({begin + int(burst_at_second * SECOND) + moment for moment in moments}):
        clock.now = moment
        while isinstance(rates.take(1), Taken):
            taken_at.append(moment)
    assert most_in_any_minute(taken_at) == OPENAI_A_MINUTE
    assert len(taken_at) >= 2 * OPENAI_A_MINUTE


@settings(max_examples=150, deadline=None)
@given(
    limit=st.integers(1, 40),
    steps=st.lists(
        st.tuples(st.integers(0, 40 * SECOND), st.integers(1, 60), st.integers(1, 5), st.booleans()),
        max_size=60,
    ),
    in_file=st.booleans(),
)
def test_no_minute_holds_more_than_the_limit(
    limit: int, steps: list[tuple[int, int, int, bool]], in_file: bool
) -> None:
    """Two processes of one file, restarts, and permits that are given back."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "openai-minute.ledger" if in_file else None
        clock = Nanoseconds()
        ledgers = [MinuteRates(limit, path=path, monotonic_ns=clock)]
        if in_file:
            ledgers.append(MinuteRates(limit, path=path, monotonic_ns=clock))
        taken_at: list[int] = []
        for wait_ns, calls, permits, give_back in steps:
            clock.now += wait_ns
            for call in range(calls):
                ledger = ledgers[call % len(ledgers)]
                answer = ledger.take(permits)
                if isinstance(answer, Wait):
                    assert permits > limit or 0 < answer.seconds <= 60
                    break
                if give_back and call % 3 == 0:
                    ledger.give_back(answer)
                else:
                    taken_at += [clock.now] * permits
            if in_file and calls % 5 == 0:
                asyncio.run(ledgers[0].close())
                ledgers[0] = MinuteRates(limit, path=path, monotonic_ns=clock)
        for ledger in ledgers:
            asyncio.run(ledger.close())
    assert not taken_at or most_in_any_minute(taken_at) <= limit


def test_who_waits_as_long_as_told_gets_a_permit() -> None:
    """And a steady caller gets all that the limit allows, but for the 60 ms that an entry gathers."""
    clock = Nanoseconds()
    rates = MinuteRates(100, monotonic_ns=clock)
    begin, taken = clock.now, 0
    while clock.now < begin + 10 * MINUTE:
        answer = rates.take(1)
        if isinstance(answer, Taken):
            taken += 1
            clock.now += SECOND // 100
        else:
            assert isinstance(answer, Wait)
            clock.now += round(answer.seconds * SECOND) + 1
            assert isinstance(rates.take(1), Taken)
            taken += 1
    assert 990 <= taken <= 1001  # the last one may be taken after the end


def test_a_days_permits_survive_a_restart_and_are_new_at_midnight(tmp_path: Path) -> None:
    now = 20_000 * DAY + 80_000
    path = tmp_path / "firecrawl-day.ledger"
    for _ in range(3):
        rates = DayRates(600, path=path, clock=lambda: now)
        assert all(isinstance(rates.take(1), Taken) for _ in range(200))
        asyncio.run(rates.close())
    rates = DayRates(600, path=path, clock=lambda: now)
    assert rates.take(1) == Wait(DAY - 80_000)
    now += DAY - 80_000
    assert isinstance(rates.take(600), Taken)
    now -= 1.0  # a clock that is set back over midnight gives nothing twice
    assert isinstance(rates.take(1), Wait)
    asyncio.run(rates.close())


def test_a_minutes_permits_survive_a_restart_of_the_machine_as_if_just_taken(tmp_path: Path) -> None:
    clock = Nanoseconds()
    path = tmp_path / "openai-minute.ledger"
    rates = MinuteRates(10, path=path, monotonic_ns=clock)
    rates.take(10)
    asyncio.run(rates.close())
    clock.now = 5 * SECOND  # the monotonic clock begins anew
    rates = MinuteRates(10, path=path, monotonic_ns=clock)
    assert rates.take(1) == Wait(60.0)
    clock.now += MINUTE
    assert isinstance(rates.take(10), Taken)
    assert isinstance(rates.take(1), Wait)
    clock.now += MINUTE
    assert isinstance(rates.take(10), Taken)
    asyncio.run(rates.close())


def test_after_a_restart_of_the_machine_no_permit_is_forgotten_and_none_is_lost(tmp_path: Path) -> None:
    """A whole window of entries from before the restart, and one of those that come after it."""
    clock = Nanoseconds()
    path = tmp_path / "openai-minute.ledger"
    rates = MinuteRates(OPENAI_A_MINUTE, path=path, monotonic_ns=clock)
    for _ in range(990):
        assert isinstance(rates.take(2), Taken)
        clock.now += 60_000_001
    asyncio.run(rates.close())
    clock.now = 100 * SECOND
    rates = MinuteRates(OPENAI_A_MINUTE, path=path, monotonic_ns=clock)
    taken = 990 * 2
    for _ in range(60):
        taken += 20 if isinstance(rates.take(20), Taken) else 0
        clock.now += 60_000_001
    other = MinuteRates(OPENAI_A_MINUTE, path=path, monotonic_ns=clock)
    while isinstance(other.take(1), Taken):
        taken += 1
    assert taken == OPENAI_A_MINUTE
    clock.now += 2 * MINUTE
    assert rates.remaining() == other.remaining() == OPENAI_A_MINUTE
    for each in (rates, other):
        asyncio.run(each.close())
