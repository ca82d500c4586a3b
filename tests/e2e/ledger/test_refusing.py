"""A budget on a server that refuses: each process tells its own, until there is money for what it asked."""

from __future__ import annotations

import asyncio

from pipeline import BudgetExceededError, Charge, Dependency, Meter
from pipeline.budget import Budget
from pipeline.ledger import to_nano_usd
from pipeline.ledger.mongodb import Connection, SharedBudget
from pipeline.metrics import PIPELINE_BUDGET_REFUSING, PriceSource
from tests.e2e.servers import MongoServer, wait_until


class Caller:
    """Has a dollar with all others of the server."""

    def __init__(self, uri: str) -> None:
        meter = Meter()
        self.ledger = SharedBudget(Connection(uri, timeout_seconds=20), to_nano_usd(1.0))
        self.budget = Budget(self.ledger, meter)
        self.dependency = Dependency("openrouter", meter=meter, paid=True, budget=self.budget)
        self.gauge = meter.gauge(PIPELINE_BUDGET_REFUSING)

    async def is_refused(self, cost_usd: float, max_usd: float) -> bool:
        try:
            async with self.dependency.calling(max_usd=max_usd) as call:
                call.charge = Charge(cost_usd, PriceSource.REPORTED, "m")
        except BudgetExceededError:
            return True
        return False

    async def refuses_no_more(self) -> bool:
        self.budget.refresh()
        return self.gauge.value == 0


async def test_each_process_tells_its_own_refusals_until_the_budget_is_reset(mongodb: MongoServer) -> None:
    one, other = Caller(mongodb.uri), Caller(mongodb.uri)
    assert not await one.is_refused(0.8, 0.8)
    assert await one.is_refused(0.1, 0.5)
    assert not await other.is_refused(0.01, 0.01)
    one.budget.refresh()
    assert (one.gauge.value, other.gauge.value) == (1, 0)
    await asyncio.to_thread(other.ledger.reset)
    await wait_until(one.refuses_no_more, "the budget is seen to begin anew")
    for caller in (one, other):
        await caller.ledger.close()
