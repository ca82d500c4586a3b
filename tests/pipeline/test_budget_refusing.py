"""Whether a budget refuses, as a worker tells it."""

from __future__ import annotations

import pytest

from pipeline import BudgetExceededError
from pipeline.ledger import to_nano_usd
from tests.pipeline.limited import Limited


@pytest.fixture
async def refusing() -> Limited:
    """Of a dollar 0.8 are spent, and one asks for 0.25."""
    limited = Limited()
    assert limited.value("pipeline_budget_refusing") == 0
    await limited.call(0.8, max_usd=0.8)
    assert limited.value("pipeline_budget_refusing") == 0
    with pytest.raises(BudgetExceededError):
        await limited.call(max_usd=0.25)
    limited.budget.refresh()
    assert limited.value("pipeline_budget_refusing") == 1
    return limited


async def test_a_budget_refuses_until_it_grants_a_call_again(refusing: Limited) -> None:
    await refusing.call(0.01, max_usd=0.01)
    assert refusing.value("pipeline_budget_refusing") == 0
    with pytest.raises(BudgetExceededError):
        async with refusing.budget.job(to_nano_usd(0.2)):
            pytest.fail("it began")
    assert refusing.value("pipeline_budget_refusing") == 1


async def test_a_budget_refuses_no_more_when_its_period_begins_anew() -> None:
    limited = Limited()
    with pytest.raises(BudgetExceededError):
        await limited.call(max_usd=1.25)  # more than a whole period allows
    limited.budget.refresh()
    assert limited.value("pipeline_budget_refusing") == 1
    limited.wall_clock.advance(43_200)
    limited.budget.refresh()
    assert limited.value("pipeline_budget_refusing") == 0


async def test_a_budget_refuses_no_more_when_it_is_reset(refusing: Limited) -> None:
    with pytest.raises(BudgetExceededError):
        await refusing.call(max_usd=1.25)
    refusing.ledger.reset()
    refusing.budget.refresh()
    assert refusing.value("pipeline_budget_refusing") == 0


async def test_a_budget_refuses_no_more_when_what_was_asked_for_is_given_back() -> None:
    limited = Limited()
    async with limited.dependency.calling(max_usd=0.7):
        async with limited.dependency.calling(max_usd=0.2):
            with pytest.raises(BudgetExceededError):
                await limited.call(max_usd=0.4)
        assert limited.value("pipeline_budget_refusing") == 1
    assert limited.value("pipeline_budget_refusing") == 0


async def test_a_call_that_draws_from_its_jobs_envelope_says_nothing_of_what_the_budget_has_left() -> None:
    limited = Limited()
    async with limited.budget.job(to_nano_usd(0.9)):
        with pytest.raises(BudgetExceededError):
            await limited.call(max_usd=1.0)
        await limited.call(0.1, max_usd=0.1)
        assert limited.value("pipeline_budget_refusing") == 1


async def test_a_budget_that_is_not_enforced_refuses_nothing() -> None:
    limited = Limited(enforce=False)
    await limited.call(1.2, max_usd=1.2)
    assert limited.decisions("budget") == {"would_reject": 1}
    assert limited.value("pipeline_budget_refusing") == 0


async def test_of_those_who_share_a_ledger_each_tells_its_own_refusals(refusing: Limited) -> None:
    other = Limited(ledger=refusing.ledger)
    await other.call(0.1, max_usd=0.1)
    assert other.value("pipeline_budget_refusing") == 0
    refusing.budget.refresh()
    assert refusing.value("pipeline_budget_refusing") == 1
