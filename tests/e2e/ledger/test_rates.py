"""A rate limit shared over processes holds in any 60 s, however they lie."""

from __future__ import annotations

import asyncio
import math
import random
import sys
from bisect import bisect_left
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from pipeline.ledger.mongodb import Connection, SharedRates
from pipeline.ledger.protocol import Taken, Wait
from pipeline.metrics import Window
from tests.e2e.conftest import Connect
from tests.e2e.ledger.clock import NOON, MovedClock
from tests.e2e.servers import MongoServer

PROCESSES = 4
CLOCK_ERROR_SECONDS = 0.24


def most_in_a_minute(taken: dict[float, int]) -> int:
    """The most permits in any 60 s, of those that were taken at these times."""
    times = sorted(taken)
    return max(
        sum(taken[time] for time in times[first : bisect_left(times, times[first] + 60)])
        for first in range(len(times))
    )


@asynccontextmanager
async def takers(uri: str, limit: int) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.e2e.ledger.taker",
            uri,
            str(limit),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(PROCESSES)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def ten_a_minute(mongodb: MongoServer, clock: MovedClock) -> SharedRates:
    return SharedRates(Connection(mongodb.uri, clock=clock), "openai", 10, Window.MINUTE)


async def take(process: asyncio.subprocess.Process, now: float, permits: int) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{now} {permits}\n".encode())
    return int(await asyncio.wait_for(process.stdout.readline(), 60))


async def test_3500_a_minute_hold_over_processes_in_any_60_seconds(mongodb: MongoServer) -> None:
    limit = 3500
    choose = random.Random(7)  # noqa: S311
    # Bursts at the window's edges, then whatever comes.
    moments = [0.0, 59.4, 59.9, 60.1, 60.6, 61.1, 61.6, 119.9, 121.2, 122.4]
    moments += sorted(choose.uniform(123, 400) for _ in range(25))
    taken: dict[float, int] = {}
    async with takers(mongodb.uri, limit) as processes:
        for moment in moments:
            wanted = choose.choice([3500, 2000, 40])
            now = NOON + moment
            got = await asyncio.gather(
                *(
                    take(process, now + choose.uniform(-1, 1) * CLOCK_ERROR_SECONDS, wanted)
                    for process in processes
                )
            )
            taken[now] = sum(got)

    assert taken[NOON] > 0
    assert most_in_a_minute(taken) <= limit
    # It limits, and no more than it has to: a permit comes back after 61 s at the latest.
    assert sum(taken.values()) > 4 * limit


async def test_what_a_killed_process_took_is_used(mongodb: MongoServer) -> None:
    async with takers(mongodb.uri, 100) as processes:
        assert await take(processes[0], NOON, 30) == 30
        processes[0].kill()
        await processes[0].wait()
        left = await take(processes[1], NOON + 30, 100)
        assert left <= 70
        assert await take(processes[2], NOON + 62, 100) <= 100 - left


async def test_600_a_day_survive_restarts_of_workers_and_server(mongodb: MongoServer) -> None:
    clock = MovedClock()
    taken = 0
    for _ in range(3):
        ledger = SharedRates(Connection(mongodb.uri, clock=clock), "firecrawl", 600, Window.DAY)
        for _ in range(250):
            taken += isinstance(await ledger.take_async(1), Taken)
        await ledger.close()
        await mongodb.kill()
        await mongodb.start()
    assert taken == 600

    ledger = SharedRates(Connection(mongodb.uri, clock=clock), "firecrawl", 600, Window.DAY)
    assert await ledger.take_async(1) == Wait(12 * 3600)
    clock.time += 12 * 3600
    assert await asyncio.to_thread(ledger.take_blocking, 600) == Taken(600, clock.time // 86400)
    assert ledger.remaining() == 0
    await ledger.close()


async def test_permits_that_were_not_used_are_there_for_another_process(mongodb: MongoServer) -> None:
    clock = MovedClock()
    one, other = (ten_a_minute(mongodb, clock) for _ in range(2))
    first = await one.take_async(4)
    second = await one.take_async(6)
    assert isinstance(first, Taken)
    assert isinstance(second, Taken)
    refused = await other.take_async(1)
    assert isinstance(refused, Wait)
    assert refused.seconds == pytest.approx(61, abs=0.5)

    clock.time += 1
    one.give_back(first)
    await asyncio.wrap_future(one._rounds.next())

    assert isinstance(await other.take_async(4), Taken)
    assert isinstance(await other.take_async(1), Wait)
    clock.time += refused.seconds
    assert isinstance(await other.take_async(6), Taken)
    assert await other.take_async(11) == Wait(math.inf)
    await one.close()
    await other.close()


async def test_a_pause_that_a_provider_asks_for_holds_for_all(mongodb: MongoServer) -> None:
    clock = MovedClock()
    one, other = (ten_a_minute(mongodb, clock) for _ in range(2))
    one.pause(20)
    one.pause(10)
    await asyncio.wrap_future(one._rounds.next())

    assert await one.take_async(1) == Wait(20)
    assert await other.take_async(1) == Wait(20)
    clock.time += 21
    assert isinstance(await other.take_async(1), Taken)
    await one.close()
    await other.close()


async def test_a_server_whose_clock_is_set_back_does_not_stop_everything(
    mongodb: MongoServer, connect: Connect
) -> None:
    clock = MovedClock()
    ledger = ten_a_minute(mongodb, clock)
    assert isinstance(await ledger.take_async(10), Taken)
    clock.time -= 3600

    refused = await ledger.take_async(1)

    assert isinstance(refused, Wait)
    assert refused.seconds <= 62
    clock.time += refused.seconds
    assert isinstance(await ledger.take_async(10), Taken)
    await ledger.close()
    document = await connect(mongodb.uri).pipeline.rate_limits.find_one()
    assert document is not None
    assert document["used"] == sum(document["slots"].values()) == 10
