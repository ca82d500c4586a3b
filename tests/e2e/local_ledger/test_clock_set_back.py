"""A clock that is set back and right again gives neither a period's money nor a day's permits twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipeline.ledger import Granted, Period, Taken
from pipeline.ledger.day_rates import DayRates
from pipeline.ledger.local_budget import LocalBudget
from tests.clock import Clock

DAY = 86_400.0
TODAY = 20_000

BACK_AND_FORTH = [(0, -1, 0), (0, -9_000, 0), (0, -3, 0, -3, 0), (0, 700, 0, -40, 0)]


def spend_all(ledger: LocalBudget, name: str) -> int:
    if not isinstance(ledger.reserve(name, 1000, layer="none", enforce=True), Granted):
        return 0
    ledger.settle(name, 1000, layer="none")
    return 1000


@pytest.mark.parametrize("days", BACK_AND_FORTH)
@pytest.mark.parametrize("period", [Period.DAY, Period.MONTH])
def test_a_periods_money_is_spent_once(tmp_path: Path, period: Period, days: tuple[int, ...]) -> None:
    clock = Clock(0.0)
    ledger = LocalBudget(1000, period, directory=tmp_path, clock=clock)
    spent: dict[int, int] = {}
    for step, day in enumerate(days):
        clock.now = (TODAY + day) * DAY + 100
        spent[day] = spent.get(day, 0) + spend_all(ledger, f"call-{step}")
    assert spent[0] == 1000
    clock.now = (TODAY + 40) * DAY
    assert spend_all(ledger, "in the next period") == 1000
    asyncio.run(ledger.close())


@pytest.mark.parametrize("days", BACK_AND_FORTH)
def test_a_days_permits_are_given_once(tmp_path: Path, days: tuple[int, ...]) -> None:
    clock = Clock(0.0)
    rates = DayRates(600, path=tmp_path / "firecrawl-day.ledger", clock=clock)
    taken: dict[int, int] = {}
    for day in days:
        clock.now = (TODAY + day) * DAY + 100
        while isinstance(rates.take(1), Taken):
            taken[day] = taken.get(day, 0) + 1
    assert taken[0] == 600
    clock.now = (TODAY + 40) * DAY
    assert isinstance(rates.take(600), Taken)
    asyncio.run(rates.close())


def test_a_day_that_a_wrong_clock_has_seen_too_early_is_new_when_it_comes(tmp_path: Path) -> None:
    clock = Clock(TODAY * DAY + 100)
    ledger = LocalBudget(1000, Period.DAY, directory=tmp_path, clock=clock)
    rates = DayRates(600, path=tmp_path / "firecrawl-day.ledger", clock=clock)
    given = []
    for step, day in enumerate((0, 3, 0, 1, 2, 3)):
        clock.now = (TODAY + day) * DAY + 100
        given.append((spend_all(ledger, f"call-{step}"), isinstance(rates.take(600), Taken)))
    assert given == [(1000, True), (1000, True), (0, False), (1000, True), (1000, True), (1000, True)]
    for each in (ledger, rates):
        asyncio.run(each.close())
