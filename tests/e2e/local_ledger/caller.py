"""A worker that calls when it is told to: python -m tests.e2e.local_ledger.caller DIRECTORY

The directory is its spool and keeps its ledger of a dollar. A line says what a call costs and what it holds;
the answer to it is `granted` or `refused`.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from pipeline import BudgetExceededError, Charge, Dependency, Meter
from pipeline.budget import Budget
from pipeline.ledger import to_nano_usd
from pipeline.ledger.local_budget import LocalBudget
from pipeline.metrics import PriceSource


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def charged(charge: Charge, _answer: str) -> Charge:
    return charge


def main() -> None:
    directory = Path(sys.argv[1])
    meter = Meter.spooling(directory)
    budget = Budget(LocalBudget(to_nano_usd(1.0), directory=directory), meter)
    dependency = Dependency("openrouter", meter=meter, paid=True, budget=budget)
    tell("begun")
    for line in sys.stdin:
        cost_usd, max_usd = map(float, line.split())
        charge = Charge(cost_usd, PriceSource.REPORTED, "m")
        try:
            dependency.call_sync(str, price=partial(charged, charge), max_usd=max_usd)
        except BudgetExceededError:
            tell("refused")
        else:
            tell("granted")


if __name__ == "__main__":
    main()
