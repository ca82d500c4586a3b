"""A worker that takes permits when a test tells it the time: python -m tests.e2e.ledger.taker URI LIMIT.

Reads lines of `<Unix time> <permits>`, and writes how many it got.
"""

from __future__ import annotations

import asyncio
import sys

from pipeline.ledger.mongodb import Connection, SharedRates
from pipeline.ledger.protocol import Taken
from pipeline.metrics import Window
from tests.e2e.ledger.clock import MovedClock


async def take(uri: str, limit: int) -> None:
    clock = MovedClock()
    # Many on few processors: a slow answer is none of this test's matters.
    ledger = SharedRates(Connection(uri, timeout_seconds=20, clock=clock), "openai", limit, Window.MINUTE)
    while line := await asyncio.to_thread(sys.stdin.readline):
        now, wanted = line.split()
        clock.time = float(now)
        taken = 0
        while taken < int(wanted) and isinstance(await ledger.take_async(1), Taken):
            taken += 1
        sys.stdout.write(f"{taken}\n")
        sys.stdout.flush()
    await ledger.close()


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1], int(sys.argv[2])))
