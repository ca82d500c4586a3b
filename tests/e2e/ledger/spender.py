"""A worker that spends until its budget refuses, for tests: python -m tests.e2e.ledger.spender JSON.

Writes a line for each step before it goes on, so that a test knows how far a killed one came.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from typing import Any

from pipeline.ledger.mongodb import Connection, SharedBudget
from pipeline.ledger.protocol import Refused


def tell(**line: Any) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def spend(options: dict[str, Any]) -> None:
    # Many on few processors: a slow answer is none of this test's matters.
    ledger = SharedBudget(
        Connection(options["uri"], timeout_seconds=20),
        options["limit"],
        most_leased_nano_usd=options["most_leased"],
    )
    choose = random.Random(options["seed"])  # noqa: S311
    estimate = options["estimate"]
    await asyncio.to_thread(ledger.read)
    tell(step="ready")
    await asyncio.to_thread(sys.stdin.readline)

    async def task(number: int) -> None:
        call = 0
        while True:
            call += 1
            name = f"{options['seed']}-{number}-{call}"
            answer = await ledger.reserve_async(name, estimate, layer=options["layer"], enforce=True)
            if isinstance(answer, Refused):
                tell(step="refused", unavailable=answer.is_unavailable)
                return
            tell(step="reserved", id=name)
            await asyncio.sleep(choose.random() * options["call_seconds"])
            actual = choose.randint(0, estimate)
            tell(step="settled", id=name, actual=actual)
            ledger.settle(name, actual, layer=options["layer"])

    await asyncio.gather(*(task(number) for number in range(options["tasks"])))
    await ledger.close()
    tell(step="closed")


if __name__ == "__main__":
    asyncio.run(spend(json.loads(sys.argv[1])))
