"""Killed after any of its stores into the file, a process has done a step wholly or not at all."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, MutableSequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.ledger import Period, Taken
from pipeline.ledger.local_budget import LocalBudget
from pipeline.ledger.minute_rates import MinuteRates
from tests.clock import Clock

LIMIT = 1000
DAY = 86_400.0
MOST_STORES = 3000


class KilledError(BaseException):
    pass


class Mortal:
    """The cells of a process that dies after so many stores, with the lock in its hands."""

    def __init__(self, values: MutableSequence[int], lives: int) -> None:
        self._values = values
        self.lives = lives

    def __getitem__(self, cell: Any) -> Any:
        return self._values[cell]

    def __setitem__(self, cell: int, number: int) -> None:
        if not self.lives:
            raise KilledError
        self.lives -= 1
        self._values[cell] = number


def die(ledger: LocalBudget | MinuteRates, step: Callable[[], object], lives: int) -> bool:
    """Whether it died of it; what the kernel does then is done."""
    mortal: Any = Mortal(ledger._values, lives)
    cells: Any = ledger._cells
    ledger._values = cells.values = mortal
    if isinstance(ledger, LocalBudget):
        ledger._history._values = mortal
    release, cells.release = cells.release, lambda: None
    try:
        step()
    except KilledError:
        asyncio.run(ledger.close())
        return True
    mortal.lives = 1  # to say that it has changed what it wanted to
    release()
    asyncio.run(ledger.close())
    return False


def prepared(directory: Path, clock: Clock) -> tuple[LocalBudget, LocalBudget]:
    """One of two processes that will die: 50 are spent, it holds 100 and 200, the other one 30."""
    mortal = LocalBudget(LIMIT, Period.DAY, directory=directory, clock=clock)
    other = LocalBudget(LIMIT, Period.DAY, directory=directory, clock=clock)
    for name, amount in (("spent", 50), ("settled", 100), ("held", 200)):
        mortal.reserve(name, amount, layer="intake", enforce=True)
    mortal.settle("spent", 50, layer="intake")
    other.reserve("others", 30, layer="intake", enforce=True)
    return mortal, other


STEPS: dict[str, tuple[Callable[[LocalBudget, Clock], object], int, int]] = {
    # the step; what is spent in the end, all that was held included, if it was not done and if it was
    "reserve": (lambda ledger, _: ledger.reserve("new", 300, layer="research", enforce=True), 350, 650),
    "settle": (lambda ledger, _: ledger.settle("settled", 70, layer="research"), 350, 320),
    "spend": (lambda ledger, _: ledger.spend("held", 120, layer="research"), 350, 350),
    "spend more than is held": (lambda ledger, _: ledger.spend("held", 260, layer="research"), 350, 410),
    "reset": (lambda ledger, _: ledger.reset(), 350, 300),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_done_wholly_or_not_at_all(tmp_path: Path, name: str) -> None:
    step, not_done, done = STEPS[name]
    seen = []
    for lives in range(MOST_STORES):
        directory = tmp_path / str(lives)
        clock = Clock(20_000 * DAY + 1000)
        mortal, other = prepared(directory, clock)
        died = die(mortal, functools.partial(step, mortal, clock), lives)
        heir = LocalBudget(LIMIT, Period.DAY, directory=directory, clock=clock)
        state = heir.state()
        assert state == other.state()
        assert state.reserved_nano_usd == 30
        seen.append(state.spent_nano_usd)
        for ledger in (heir, other):
            asyncio.run(ledger.close())
        if not died:
            break
    assert set(seen) <= {not_done, done}
    assert (seen[0], seen[-1]) == (not_done, done)
    assert seen == sorted(seen, reverse=done < not_done), "once it is done it stays done"


def test_a_new_day_begins_though_who_began_it_died(tmp_path: Path) -> None:
    for lives in range(MOST_STORES):
        directory = tmp_path / str(lives)
        clock = Clock(20_000 * DAY + 1000)
        mortal, other = prepared(directory, clock)
        clock.advance(DAY)
        died = die(mortal, mortal.state, lives)
        heir = LocalBudget(LIMIT, Period.DAY, directory=directory, clock=clock)
        state = heir.state()
        assert state == other.state()
        # What it held is spent on the day that was the ledger's when it was found dead.
        assert state.spent_nano_usd in {0, 300}
        assert state.reserved_nano_usd == 30
        for ledger in (heir, other):
            asyncio.run(ledger.close())
        if not died:
            break
    assert lives > 5


def now_ns() -> int:
    return 10**15


def test_permits_of_the_dead_stay_taken_and_no_more_are_given(tmp_path: Path) -> None:
    for lives in range(MOST_STORES):
        path = tmp_path / f"{lives}.ledger"
        mortal = MinuteRates(10, path=path, monotonic_ns=now_ns)
        mortal.take(3)
        died = die(mortal, functools.partial(mortal.take, 4), lives)
        heir = MinuteRates(10, path=path, monotonic_ns=now_ns)
        left = 0
        while isinstance(heir.take(1), Taken):
            left += 1
        assert left in ({3, 7} if died else {3})
        asyncio.run(heir.close())
        if not died:
            break
    assert lives > 2


@pytest.mark.parametrize("what_comes_next", ["pause", "give back", "fork"])
def test_whatever_a_survivor_does_first_no_more_permits_are_given(
    tmp_path: Path, what_comes_next: str
) -> None:
    """One dies while it forgets what is a minute old."""
    lives, died = 0, True
    while died:
        clock = [10**15]
        path = tmp_path / f"{lives}.ledger"
        mortal, other = (MinuteRates(10, path=path, monotonic_ns=lambda: clock[0]) for _ in range(2))  # noqa: B023
        mortal.take(4)
        clock[0] += 50 * 10**9
        taken = other.take(6)
        assert isinstance(taken, Taken)
        clock[0] += 11 * 10**9
        died = die(mortal, functools.partial(mortal.take, 0), lives)
        if what_comes_next == "pause":
            other.pause(1e-9)
            clock[0] += 1
        elif what_comes_next == "give back":
            other.give_back(Taken(1, (0, 0)))
        else:
            heir = MinuteRates(10, path=path, monotonic_ns=lambda: clock[0])  # noqa: B023
            asyncio.run(heir.close())
        left = 0
        while isinstance(other.take(1), Taken):
            left += 1
        assert left == 4
        asyncio.run(other.close())
        lives += 1
    assert lives > 4


@pytest.mark.parametrize("name", STEPS)
def test_an_interrupt_at_any_store_leaves_sums_that_add_up(tmp_path: Path, name: str) -> None:
    """Ctrl-C, or a signal's handler that raises: the process lives on, or ends in its own time."""
    step = STEPS[name][0]
    lives, was_interrupted = 0, True
    while was_interrupted:
        directory = tmp_path / str(lives)
        clock = Clock(20_000 * DAY + 1000)
        ledger, other = prepared(directory, clock)
        values = ledger._values
        ledger._values = Mortal(values, lives)  # type: ignore[assignment]
        try:
            step(ledger, clock)
            was_interrupted = False
        except KilledError:
            ledger._values = values
        state = other.read()
        heir = LocalBudget(LIMIT, Period.DAY, directory=directory, clock=clock)  # it makes the sums anew
        assert heir.read() == state
        for each in (ledger, other, heir):
            asyncio.run(each.close())
        lives += 1
    assert lives > 4
