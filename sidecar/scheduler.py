"""When each probe runs: spread over its interval, bounded in number, the slow apart from the others."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import structlog

from sidecar.probes import ProbeResult, Reason
from sidecar.service_metrics import ServiceMetrics
from sidecar.watch import Watch

log = structlog.get_logger()

MAX_CONCURRENT_RUNS: Final = 256
MAX_CONCURRENT_RUNS_OF_THE_SLOW: Final = 256
FIRST_RETRY_SECONDS: Final = 2.0

_FIRST_ROUND_SPACING_SECONDS: Final = 0.02
"""First runs are this far apart on average: six dependencies are known in a fraction of a second."""


class Scheduler:
    """Runs every watch's probe for as long as `run` runs; watches come and go meanwhile."""

    def __init__(
        self,
        metrics: ServiceMetrics,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._sleep = sleep
        self._lanes = Lanes()
        self._loops: dict[str, asyncio.Task[None]] = {}
        self._watches: dict[str, Watch] = {}

    @property
    def watches(self) -> dict[str, Watch]:
        """By name of the dependency."""
        return self._watches

    @property
    def ready(self) -> bool:
        """Every probe has run once."""
        return all(watch.has_run for watch in self._watches.values())

    async def keep(self, watches: Iterable[Watch]) -> None:
        """Run exactly these from now on: who was there before goes on undisturbed, who is gone is closed."""
        wanted = {watch.name: watch for watch in watches}
        gone = [watch for name, watch in self._watches.items() if wanted.get(name) is not watch]
        new = [watch for name, watch in wanted.items() if self._watches.get(name) is not watch]
        self._watches = wanted
        for watch in gone:
            await self._end(watch)
        first_round_seconds = _FIRST_ROUND_SPACING_SECONDS * len(new)
        for watch in new:
            loop = self._look_again_and_again(watch, first_round_seconds)
            self._loops[watch.name] = asyncio.create_task(loop, name=f"schedule {watch.name}")

    async def close(self) -> None:
        """End every run and close every probe."""
        await self.keep(())

    async def _end(self, watch: Watch) -> None:
        loop = self._loops.pop(watch.name)
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        await watch.close()

    async def _look_again_and_again(self, watch: Watch, first_round_seconds: float) -> None:
        interval = watch.options.interval_seconds
        share = spread(watch.name)
        started = self._clock()
        due = started + share * min(interval, first_round_seconds)
        slot = next_slot(due + interval / 2, started + share * interval, interval)
        retry = Retry(interval)
        while True:
            await self._sleep(max(0.0, due - self._clock()))
            async with self._lanes.of(watch):
                self._metrics.run_started(late_seconds=self._clock() - due)
                result = await _look(watch)
            self._lanes.note(watch, result)
            now = self._clock()
            if due == slot:
                slot += interval
            if slot < now:
                missed = math.ceil((now - slot) / interval)
                slot += missed * interval
                watch.missed(missed)
            due = min(slot, now + retry.after(result))


async def _look(watch: Watch) -> ProbeResult:
    try:
        return await watch.look()
    except Exception:
        # A defect of ours in what comes after a run: it must not end the watch.
        log.exception("watch.raised", dependency=watch.name)
        return ProbeResult(0.0, Reason.INTERNAL)


class Retry:
    """After a failure it looks again soon, so that a blip and an outage are told apart quickly."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval_seconds = interval_seconds
        self._wait_seconds = FIRST_RETRY_SECONDS

    def after(self, result: ProbeResult) -> float:
        """Seconds to wait: 2 after a first failure, then twice as long each time, at most the interval."""
        if result.success or result.reason is Reason.QUOTA:
            self._wait_seconds = FIRST_RETRY_SECONDS
            return self._interval_seconds
        wait = min(self._wait_seconds, self._interval_seconds)
        self._wait_seconds = wait * 2
        return wait


class Lanes:
    """Bounds how many probes run at once. Who met its deadline last time waits in a lane of its own."""

    def __init__(self) -> None:
        self._quick = asyncio.Semaphore(MAX_CONCURRENT_RUNS)
        self._slow = asyncio.Semaphore(MAX_CONCURRENT_RUNS_OF_THE_SLOW)
        self._slow_names: set[str] = set()

    def of(self, watch: Watch) -> asyncio.Semaphore:
        return self._slow if watch.name in self._slow_names else self._quick

    def note(self, watch: Watch, result: ProbeResult) -> None:
        if result.reason is Reason.TIMEOUT:
            self._slow_names.add(watch.name)
        else:
            self._slow_names.discard(watch.name)


def spread(name: str) -> float:
    """Where in its interval a dependency is probed: a share in [0, 1) that only depends on the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


def next_slot(after: float, offset: float, interval: float) -> float:
    """The first of the times `offset + n × interval` that is not before `after`."""
    return offset + math.ceil((after - offset) / interval) * interval
