"""A probe that does as it is told, and what it takes to watch it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

from sidecar.dependency_series import DependencySeries
from sidecar.probes import Findings, Probe, ProbeFailure, ProbeOptions, Reason
from sidecar.watch import Watch

Action = Callable[[], Awaitable[None]]


async def nothing() -> None:
    pass


async def for_ever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ProbeFailure(Reason.CONNECT, "refused")


async def break_down() -> None:
    raise RuntimeError("a defect")


class ScriptedProbe(Probe[ProbeOptions]):
    kind: ClassVar[str] = "scripted"

    def __init__(self, name: str, action: Action = nothing, options: ProbeOptions | None = None) -> None:
        super().__init__(name, options or ProbeOptions(interval_seconds=10, timeout_seconds=5))
        self.action = action
        self.runs = 0
        self.running = 0
        self.most_at_once = 0
        self.closed = False

    async def check(self, findings: Findings) -> None:
        self.runs += 1
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await self.action()
        finally:
            self.running -= 1

    async def close(self) -> None:
        self.closed = True


def watch(
    name: str = "a", action: Action = nothing, options: ProbeOptions | None = None
) -> tuple[Watch, ScriptedProbe, DependencySeries]:
    probe = ScriptedProbe(name, action, options)
    series = DependencySeries(name, probe.kind, probe.options)
    return Watch(probe, series, wall_clock=lambda: 1_800_000_000.0), probe, series


async def settle() -> None:
    """Let everything that can go on without time passing go on."""
    for _ in range(30):
        await asyncio.sleep(0)
