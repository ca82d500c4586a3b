"""Processes to be killed: workers that are born and die by the hundred, and sidecars."""

from __future__ import annotations

import asyncio
import math
import mmap
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from pipeline import metrics
from pipeline.meter import Meter
from sidecar.app import serving
from sidecar.config import Config, ListenAddress
from sidecar.logs import set_up_logs
from sidecar.redaction import Redactor
from sidecar.spool import keeping

UPKEEP_EVERY_SECONDS = 0.02
AT_ONCE = 8
MAX_COUNTS = 40


@dataclass(frozen=True)
class Tally:
    """What workers know that they counted."""

    counted: int
    """By those that died at a count of their own choice: exact."""
    cost_usd: float
    killed_at_least: int
    """By those that were killed whenever it was; at most the next number."""
    killed_at_most: int


@contextmanager
def killed_at_the_end(
    context: ForkServerContext, target: Any, *arguments: object
) -> Iterator[tuple[ForkServerProcess, Connection]]:
    """A process and our end of a pipe to it."""
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(*arguments, theirs))
    process.start()
    theirs.close()
    try:
        yield process, ours
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()


def serve(spool: Path, tell: Connection) -> None:
    """A sidecar whose upkeep of the spool hardly rests; tells its URL."""
    keeping.EVERY_SECONDS = UPKEEP_EVERY_SECONDS  # type: ignore[misc]
    redactor = Redactor()
    set_up_logs("error", "text", redactor)

    async def run() -> None:
        config = Config(listen=ListenAddress("127.0.0.1", 0), spool=spool)
        async with serving(config, redactor) as url:
            tell.send(url)
            await asyncio.Event().wait()

    asyncio.run(run())


def raise_workers(spool: Path, count: int, tell: Connection) -> None:
    """Fork workers and have every other one killed at random; tells the tally when all are dead."""
    meter = Meter.spooling(spool)
    slots = memoryview(mmap.mmap(-1, 16 * count)).cast("q")
    chance = random.Random(count)  # noqa: S311
    living: dict[int, tuple[int, float]] = {}
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            _live(meter, number, slots)
        living[pid] = number, time.monotonic() + chance.uniform(0, 0.05)
        while len(living) >= AT_ONCE or (living and number == count - 1):
            _bury(living)
    plans = [_plan(number) for number in range(0, count, 2)]
    tell.send(
        Tally(
            sum(len(plan) for plan in plans),
            math.fsum(_added_up(plan) for plan in plans),
            sum(slots[2 * number + 1] for number in range(1, count, 2)),
            sum(slots[2 * number] for number in range(1, count, 2)),
        )
    )
    meter.close()


def _live(meter: Meter, number: int, slots: memoryview) -> None:
    if number % 2 == 0:
        counter = meter.counter(metrics.PIPELINE_JOBS, "succeeded")
        cost = meter.counter(metrics.PIPELINE_COST, "none", "openrouter", "a-model")
        duration = meter.histogram(metrics.PIPELINE_JOB_DURATION)
        for usd in _plan(number):
            counter.inc()
            cost.inc(usd)
            duration.observe(usd)
        os.kill(os.getpid(), signal.SIGKILL)
    counter = meter.counter(metrics.PIPELINE_JOBS, "failed")
    while True:
        slots[2 * number] += 1  # begun
        counter.inc()
        slots[2 * number + 1] += 1  # ended
        if slots[2 * number] % 50 == 0:
            time.sleep(0.001)


def _plan(number: int) -> list[float]:
    """What a worker that dies by itself spends before."""
    chance = random.Random(number)  # noqa: S311
    return [chance.random() * 10 ** chance.randint(-6, 3) for _ in range(chance.randrange(MAX_COUNTS))]


def _added_up(amounts: list[float]) -> float:
    total = 0.0
    for amount in amounts:
        total += amount
    return total


def _bury(living: dict[int, tuple[int, float]]) -> None:
    for pid, (number, dies_at) in list(living.items()):
        if number % 2 and time.monotonic() >= dies_at:
            os.kill(pid, signal.SIGKILL)
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            del living[pid]
    time.sleep(0.0005)
