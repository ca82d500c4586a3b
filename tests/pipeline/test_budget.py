from __future__ import annotations

import asyncio
import pickle

import pytest

from pipeline import BreakerOpenError, BudgetExceededError, Charge
from pipeline.ledger import LedgerError, Period, to_nano_usd
from pipeline.ledger.local_budget import LocalBudget
from pipeline.ledger.periods import period_end
from pipeline.ledger.protocol import BudgetState
from pipeline.metrics import PriceSource
from pipeline.rejections import BudgetUnavailableError
from tests.pipeline.limited import NOON, Limited


async def test_a_call_holds_what_it_may_cost_and_spends_what_it_did() -> None:
    limited = Limited()
    async with limited.dependency.calling(max_usd=0.4) as call:
        assert limited.money() == (1.0, 0.0, 0.4)
        call.charge = Charge(0.1, PriceSource.REPORTED, "m")
    assert limited.money() == (1.0, 0.1, 0.0)
    assert limited.decisions("budget") == {"allowed": 1}


async def test_what_does_not_fit_beside_what_is_held_is_refused_before_it_is_sent() -> None:
    limited = Limited()
    async with limited.dependency.calling(max_usd=0.7):
        with pytest.raises(BudgetExceededError):
            await limited.call(max_usd=0.4)
    await limited.call(max_usd=1.0)
    assert limited.decisions("budget") == {"allowed": 2, "rejected": 1}
    assert (
        limited.value("pipeline_calls_total", layer="none", dependency="openrouter", outcome="success") == 2
    )


async def test_the_refusal_says_budget_spent_asked_and_when_it_resets() -> None:
    limited = Limited()
    await limited.call(0.9, max_usd=0.9)
    with pytest.raises(BudgetExceededError) as refused:
        await limited.call(max_usd=0.25)
    assert str(refused.value) == (
        "openrouter: the call may cost 0.25 USD, and 0.9 of the budget of 1 USD are spent or held;"
        " it resets in 12:00:00"
    )
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)


async def test_not_enforcing_counts_what_would_have_been_refused() -> None:
    limited = Limited(enforce=False)
    await limited.call(0.9, max_usd=0.9)
    await limited.call(0.5, max_usd=0.5)
    assert limited.decisions("budget") == {"allowed": 1, "would_reject": 1}
    assert limited.money() == (1.0, 1.4, 0.0)


async def test_a_new_day_has_a_new_budget() -> None:
    limited = Limited()
    await limited.call(1.0, max_usd=1.0)
    assert limited.value("pipeline_budget_period_end_timestamp_seconds") == NOON + 43_200
    limited.wall_clock.advance(43_200)
    await limited.call(0.25, max_usd=1.0)
    assert limited.money() == (1.0, 0.25, 0.0)
    assert limited.value("pipeline_budget_period_end_timestamp_seconds") == NOON + 3 * 43_200


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_call_that_is_sent_and_not_answered_costs_what_it_held(cancelled: bool) -> None:
    limited = Limited(call_timeout_seconds=60 if cancelled else 0.001)
    task = asyncio.create_task(limited.dependency.call(asyncio.Event().wait, max_usd=0.4))
    await asyncio.sleep(0)
    if cancelled:
        task.cancel()
    with pytest.raises((TimeoutError, asyncio.CancelledError)):
        await task
    assert limited.money() == (1.0, 0.4, 0.0)
    cost = limited.value("pipeline_cost_usd_total", layer="none", dependency="openrouter", model="other")
    assert cost == pytest.approx(0.4)


class StatusError(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


@pytest.mark.parametrize(
    ("error", "spent_usd"),
    [
        (ConnectionRefusedError(), 0.0),
        (StatusError(500), 0.0),
        (StatusError(429), 0.0),
        (TypeError(), 0.0),
        (StatusError(200), 0.4),
        (KeyError("choices"), 0.4),
        (TimeoutError(), 0.4),
    ],
)
async def test_a_failure_costs_nothing_unless_there_was_an_answer(error: Exception, spent_usd: float) -> None:
    async def fail() -> None:
        raise error

    limited = Limited()
    with pytest.raises(type(error)):
        await limited.dependency.call(fail, max_usd=0.4)
    assert limited.money() == (1.0, spent_usd, 0.0)


async def test_a_call_that_another_gate_refuses_costs_nothing() -> None:
    limited = Limited()
    limited.dependency.breaker.force_open()
    with pytest.raises(BreakerOpenError):
        await limited.call(max_usd=0.4)
    assert limited.money() == (1.0, 0.0, 0.0)


async def test_who_does_not_say_what_a_call_may_cost_holds_a_ceiling() -> None:
    limited = Limited()
    for max_usd in (None, float("nan"), -1.0):
        async with limited.dependency.calling(max_usd=max_usd):
            assert limited.money() == (1.0, 0.0, 0.25)


@pytest.mark.parametrize("absurd", [1e30, float("inf")])
async def test_an_absurd_amount_is_refused_and_breaks_nothing(absurd: float) -> None:
    limited = Limited()
    with pytest.raises(BudgetExceededError):
        await limited.call(max_usd=absurd)
    await limited.call(absurd if absurd < float("inf") else 1e308, max_usd=0.1)
    assert limited.ledger.state().spent_nano_usd == to_nano_usd(absurd)
    with pytest.raises(BudgetExceededError):
        await limited.call(max_usd=0.1)


async def test_a_jobs_envelope_pays_for_its_calls_and_gives_the_rest_back() -> None:
    limited = Limited()
    async with limited.budget.job(to_nano_usd(0.6)):
        assert limited.money() == (1.0, 0.0, 0.6)
        await limited.call(0.1, max_usd=0.5)
        assert limited.money() == (1.0, 0.1, 0.5)
        await limited.call(0.5, max_usd=0.5)
        assert limited.money() == (1.0, 0.6, 0.0)
        await limited.call(0.2, max_usd=0.3)  # more than is left of it: the budget has some
    assert limited.ledger.state().spent_nano_usd == to_nano_usd(0.8)


async def test_a_job_that_the_budget_has_no_envelope_for_does_not_begin() -> None:
    limited = Limited()
    await limited.call(0.5, max_usd=0.5)
    with pytest.raises(BudgetExceededError, match=r"^the job: "):
        async with limited.budget.job(to_nano_usd(0.6)):
            pytest.fail("it began")


async def test_what_a_call_cost_too_much_is_not_drawn_from_its_jobs_envelope_again() -> None:
    limited = Limited(0.6)
    async with limited.budget.job(to_nano_usd(0.6)):
        async with limited.dependency.calling(max_usd=0.3):
            await limited.call(0.5, max_usd=0.3)
        with pytest.raises(BudgetExceededError):
            await limited.call(0.3, max_usd=0.3)
        await limited.call(0.1, max_usd=0.1)
    assert limited.money() == (0.6, 0.6, 0.0)


async def test_a_call_that_outlives_its_job_is_still_paid_from_its_envelope() -> None:
    limited = Limited()
    async with limited.budget.job(to_nano_usd(0.6)):
        scope = limited.dependency.calling(max_usd=0.4)
        call = await scope.__aenter__()
    assert limited.money() == (1.0, 0.0, 0.6)
    call.charge = Charge(0.3, PriceSource.REPORTED, "m")
    await scope.__aexit__(None, None, None)
    assert limited.money() == (1.0, 0.3, 0.0)


def test_a_call_in_a_thread_passes_the_same_budget() -> None:
    limited = Limited()
    limited.dependency.call_sync(lambda: 1, price=lambda _: Charge(0.3, PriceSource.TABLE, "m"), max_usd=0.5)
    assert limited.money() == (1.0, 0.3, 0.0)


@pytest.mark.parametrize(
    ("period", "end"), [(Period.DAY, 20_001), (Period.MONTH, 20_028), (Period.TOTAL, None)]
)
def test_periods_end_at_midnight_utc(period: Period, end: int | None) -> None:
    assert period_end(period, NOON) == (None if end is None else end * 86_400)  # day 20,000: 2024-10-04


def test_history_tells_days_and_layers() -> None:
    limited = Limited()
    for layer, usd in (("intake", 0.2), ("research", 0.2), ("intake", 0.1)):
        name = f"{layer}-{usd}"
        limited.ledger.reserve(name, to_nano_usd(usd), layer=layer, enforce=True)
        limited.ledger.settle(name, to_nano_usd(usd), layer=layer)
        limited.wall_clock.advance(24_000)
    assert [(row.day.isoformat(), row.layer, row.spent_nano_usd) for row in limited.ledger.history()] == [
        ("2024-10-04", "intake", 200_000_000),
        ("2024-10-04", "research", 200_000_000),
        ("2024-10-05", "intake", 100_000_000),
    ]


def test_a_ledger_in_memory_keeps_what_was_spent_through_a_reset_of_the_period_alone() -> None:
    ledger = LocalBudget(1000)
    ledger.reserve("a", 600, layer="none", enforce=True)
    ledger.reserve("b", 300, layer="none", enforce=True)
    ledger.settle("a", 500, layer="none")
    ledger.reset()
    state = ledger.state()
    assert (state.spent_nano_usd, state.reserved_nano_usd, state.remaining_nano_usd) == (0, 300, 700)


class Leaving(LocalBudget):
    """A ledger that can't be asked for a while."""

    is_away = False

    def _enter(self) -> None:
        if self.is_away:
            raise LedgerError(16, "budget.ledger: is locked")
        super()._enter()


async def test_what_a_ledger_could_not_be_told_is_told_with_the_next_call() -> None:
    ledger = Leaving(to_nano_usd(1.0))
    limited = Limited(ledger=ledger)
    async with limited.budget.job(to_nano_usd(0.5)):
        async with limited.dependency.calling(max_usd=0.4) as call:
            call.charge = Charge(0.3, PriceSource.REPORTED, "m")
            ledger.is_away = True
        with pytest.raises(BudgetUnavailableError, match="the ledger of its budget cannot be asked"):
            await limited.call(max_usd=0.8)
    assert limited.money() == (1.0, 0.0, 0.5)
    assert limited.value("pipeline_budget_refusing") == 0
    ledger.is_away = False
    limited.budget.refresh()
    assert limited.money() == (1.0, 0.3, 0.0)
    assert limited.decisions("budget") == {"allowed": 2, "rejected": 1}


async def test_what_was_sent_without_asking_is_spent_once_the_ledger_can_be_told() -> None:
    ledger = Leaving(to_nano_usd(1.0))
    limited = Limited(ledger=ledger, enforce=False)
    ledger.is_away = True
    await limited.call(0.3, max_usd=0.4)
    ledger.is_away = False
    limited.budget.refresh()
    assert limited.money() == (1.0, 0.3, 0.0)


class Unread(LocalBudget):
    """A server's ledger that has not answered yet."""

    def state(self) -> BudgetState:
        return super().state()._replace(is_known=False)


def test_a_budget_of_which_nothing_is_known_yet_is_not_one_that_is_spent() -> None:
    assert Limited(ledger=Unread(to_nano_usd(1.0))).money() == (1.0, 0.0, 0.0)
