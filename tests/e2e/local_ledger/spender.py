"""A worker that spends until the budget refuses: tasks whose calls cost anything up to what they hold.

    python -m tests.e2e.local_ledger.spender DIRECTORY TASKS SEED

It writes a line when it begins, and at the end what its calls have cost, in nano-USD.
"""

from __future__ import annotations

import asyncio
import functools
import random
import sys
from pathlib import Path

from pipeline import BudgetExceededError, Charge, Dependency, Meter
from pipeline.budget import Budget
from pipeline.ledger import NANO_USD_PER_USD, BudgetLedger, to_nano_usd
from pipeline.ledger.local_budget import LocalBudget
from pipeline.metrics import PriceSource

LIMIT_USD = 1.0
MAX_CALL_USD = 0.0005


class Spender:
    def __init__(self, ledger: BudgetLedger, seed: int) -> None:
        meter = Meter()
        budget = Budget(ledger, meter)
        self.dependency = Dependency("openrouter", meter=meter, paid=True, budget=budget)
        self.ledger = ledger
        self.random = random.Random(seed)  # noqa: S311  (the same costs in each run)
        self.spent_nano_usd = 0

    async def spend(self) -> None:
        """Call until refused; what is asked for is at most the dearest call, so what is left is less."""
        while True:
            held_usd = self.random.uniform(0, MAX_CALL_USD)
            cost_usd = self.random.uniform(0, held_usd)
            price = functools.partial(self.charge, cost_usd)
            try:
                await self.dependency.call(lambda: asyncio.sleep(0), price=price, max_usd=held_usd)
            except BudgetExceededError:
                return
            state = self.ledger.state()
            assert state.remaining_nano_usd >= 0
            assert state.spent_nano_usd <= LIMIT_USD * NANO_USD_PER_USD

    def charge(self, cost_usd: float, _answer: object) -> Charge:
        self.spent_nano_usd += to_nano_usd(cost_usd)
        return Charge(cost_usd, PriceSource.REPORTED, "m")

    async def spend_all(self, tasks: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(tasks):
                group.create_task(self.spend())


async def main() -> None:
    directory, tasks, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    ledger = LocalBudget(round(LIMIT_USD * NANO_USD_PER_USD), directory=directory)
    spender = Spender(ledger, seed)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    await spender.spend_all(tasks)
    await ledger.close()
    sys.stdout.write(f"{spender.spent_nano_usd}\n")


if __name__ == "__main__":
    asyncio.run(main())
