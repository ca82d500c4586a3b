"""When each probe runs: spread over its interval, bounded in time and number, no two of one at once."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from sidecar.probes import Probe, ProbeResult

MAX_CONCURRENT_RUNS: Final = 200
_FIRST_ROUND_SPACING_SECONDS: Final = 0.02
"""First runs are this far apart on average: six dependencies are known in a fraction of a second."""

OnResult = Callable[[Probe[Any], ProbeResult], None]


class Scheduler:
    """Runs every probe for as long as `run` runs."""

    def __init__(
        self,
        probes: Sequence[Probe[Any]],
        on_result: OnResult,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`on_result` is told of each result in the event loop; it must not raise."""
        self._probes = tuple(probes)
        self._on_result = on_result
        self._clock = clock
        self._sleep = sleep
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_RUNS)
        self._waiting_for_first_run = {probe.dependency for probe in probes}

    @property
    def ready(self) -> bool:
        """Every probe has run once."""
        return not self._waiting_for_first_run

    async def run(self) -> None:
        """Run until cancelled, then close the probes."""
        anchor = self._clock()
        try:
            async with asyncio.TaskGroup() as group:
                for probe in self._probes:
                    group.create_task(self._watch(probe, anchor), name=f"probe {probe.dependency}")
        finally:
            for probe in self._probes:
                await probe.close()

    async def _watch(self, probe: Probe[Any], anchor: float) -> None:
        interval = probe.options.interval_seconds
        share = spread(probe.dependency)
        first_round = min(interval, _FIRST_ROUND_SPACING_SECONDS * len(self._probes))
        due = anchor + share * first_round
        while True:
            await self._sleep(max(0.0, due - self._clock()))
            await self.run_once(probe)
            due = next_slot(max(due + interval / 2, self._clock()), anchor + share * interval, interval)

    async def run_once(self, probe: Probe[Any]) -> None:
        """Run one probe now, within its deadline and the bound on concurrency."""
        async with self._slots:
            result = await probe.run()
        self._waiting_for_first_run.discard(probe.dependency)
        self._on_result(probe, result)


def spread(name: str) -> float:
    """Where in its interval a dependency is probed: a share in [0, 1) that only depends on the name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) / 2**64


def next_slot(after: float, offset: float, interval: float) -> float:
    """The first of the times `offset + n × interval` that is not before `after`."""
    return offset + math.ceil((after - offset) / interval) * interval
