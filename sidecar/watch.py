"""One dependency under watch: its probe, its state, its history."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from sidecar.dependency_series import DependencySeries
from sidecar.history import History, PastRun
from sidecar.probes import Probe, ProbeOptions, ProbeResult
from sidecar.state import NETWORK_REASONS, DependencyState, StateMachine

log = structlog.get_logger()

OwnNetworkIsUp = Callable[[], Awaitable[bool]]
OnRun = Callable[[str, PastRun, DependencyState], None]
"""Told the dependency, each run that has ended, and the state before it."""


async def assume_network_is_up() -> bool:
    """Where no reference is configured, a failure is the target's."""
    return True


class Watch:
    """Runs its probe, never twice at once, and tells what came of it."""

    def __init__(
        self,
        probe: Probe[Any],
        series: DependencySeries,
        *,
        own_network_is_up: OwnNetworkIsUp = assume_network_is_up,
        on_run: OnRun | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.probe = probe
        self.history = History()
        self.has_run = False
        self._series = series
        self._state = StateMachine(probe.options)
        self._own_network_is_up = own_network_is_up
        self._on_run = on_run
        self.wall_clock = wall_clock
        self._run: asyncio.Task[ProbeResult] | None = None

    @property
    def name(self) -> str:
        return self.probe.dependency

    @property
    def options(self) -> ProbeOptions:
        options: ProbeOptions = self.probe.options
        return options

    @property
    def state(self) -> DependencyState:
        return self._state.state

    def missed(self, runs: int) -> None:
        """So many times it was due while its run before had not ended."""
        self._series.missed_runs += runs

    def inherit(self, before: Watch) -> None:
        """Go on where another watch of the same dependency ended: its streaks, state and history."""
        self.history = before.history
        self.has_run = before.has_run
        self._state = before._state
        self._state.reconfigured(self.options)
        self.probe.inherit(before.probe)

    async def look(self) -> ProbeResult:
        """The result of a run: of the one that is under way, or else of a new one.

        To stop waiting does not stop the run: somebody else may wait for it too.
        """
        if self._run is None:
            self._run = asyncio.create_task(self._run_probe(), name=f"probe {self.name}")
        return await asyncio.shield(self._run)

    async def close(self) -> None:
        """End a run that is under way, and give back what the probe holds."""
        if self._run is not None:
            self._run.cancel()
            await asyncio.gather(self._run, return_exceptions=True)
        await self.probe.close()

    async def _run_probe(self) -> ProbeResult:
        try:
            result = await self.probe.run()
            up = result.reason not in NETWORK_REASONS or await self._own_network_is_up()
            self._take_in(result, own_network_is_up=up)
            return result
        finally:
            self._run = None

    def _take_in(self, result: ProbeResult, *, own_network_is_up: bool) -> None:
        before = self.state
        state = self._state.observe(result, own_network_is_up=own_network_is_up)
        ended_at = self.wall_clock()
        self.has_run = True
        run = PastRun(ended_at, result, state)
        self.history.add(run)
        self._series.record(result, state, ended_at)
        if self._on_run is not None:
            self._on_run(self.name, run, before)
        if not result.success:
            log.warning("probe.failed", dependency=self.name, reason=result.reason, detail=result.detail)
        if state is not before:
            log.info("dependency.state_changed", dependency=self.name, from_state=before, to_state=state)
