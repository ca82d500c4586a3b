from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.probes import Findings, Probe, ProbeOptions, ProbeResult, Reason
from sidecar.scheduler import Scheduler, next_slot, spread
from tests.clock import Clock


class ScriptedProbe(Probe[ProbeOptions]):
    kind: ClassVar[str] = "scripted"

    def __init__(
        self, name: str, action: Callable[[], Awaitable[None]], *, interval: float = 10, timeout: float = 5
    ) -> None:
        super().__init__(name, ProbeOptions(interval_seconds=interval, timeout_seconds=timeout))
        self.action = action
        self.starts: list[float] = []
        self.running = 0
        self.most_at_once = 0
        self.closed = False

    async def check(self, findings: Findings) -> None:
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            await self.action()
        finally:
            self.running -= 1

    async def close(self) -> None:
        self.closed = True


class World:
    """A scheduler whose time is moved by its own sleeping: nobody waits."""

    def __init__(self, *probes: ScriptedProbe) -> None:
        self.clock = Clock(0.0)
        self.results: list[tuple[str, ProbeResult]] = []
        self.sleepers: list[tuple[float, asyncio.Event]] = []
        self.scheduler = Scheduler(
            probes,
            lambda probe, result: self.results.append((probe.dependency, result)),
            clock=self.clock,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self.sleepers.append((self.clock.now + seconds, woken))
        await woken.wait()

    async def pass_time(self, seconds: float) -> None:
        end = self.clock.now + seconds
        await settle()
        while self.sleepers and min(self.sleepers, key=lambda pair: pair[0])[0] <= end:
            due = min(self.sleepers, key=lambda pair: pair[0])
            self.sleepers.remove(due)
            self.clock.now = max(self.clock.now, due[0])
            due[1].set()
            await settle()
        self.clock.now = end


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def nothing() -> None:
    pass


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_a_probe_runs_once_an_interval() -> None:
    world = World(ScriptedProbe("a", nothing, interval=10))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(world.scheduler.run())
        await world.pass_time(100)
        task.cancel()
    assert 10 <= len(world.results) <= 11


async def test_it_is_ready_once_every_probe_has_run() -> None:
    world = World(ScriptedProbe("a", nothing), ScriptedProbe("b", nothing))
    assert not world.scheduler.ready
    task = asyncio.create_task(world.scheduler.run())
    await world.pass_time(1)
    assert world.scheduler.ready
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_first_runs_do_not_come_in_a_burst() -> None:
    starts: list[float] = []
    probes = [ScriptedProbe(f"d{number}", nothing) for number in range(50)]
    world = World(*probes)

    async def note() -> None:
        starts.append(world.clock.now)

    for probe in probes:
        probe.action = note
    task = asyncio.create_task(world.scheduler.run())
    await world.pass_time(1.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(starts) == 50
    assert len({round(start, 2) for start in starts}) > 25


async def test_a_hung_probe_delays_nobody_and_never_runs_twice_at_once() -> None:
    hung, good = ScriptedProbe("hung", for_ever), ScriptedProbe("good", nothing)
    world = World(hung, good)
    task = asyncio.create_task(world.scheduler.run())
    await world.pass_time(100)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert hung.most_at_once == 1
    assert [name for name, _ in world.results].count("good") >= 10


async def test_a_run_is_ended_at_its_deadline() -> None:
    probe = ScriptedProbe("slow", for_ever, timeout=0.01)
    results: list[ProbeResult] = []
    scheduler = Scheduler([probe], lambda _, result: results.append(result))
    task = asyncio.create_task(scheduler.run())
    async with asyncio.timeout(5):
        while not results:
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert results[0].reason is Reason.TIMEOUT


async def test_a_probe_that_raises_is_an_internal_failure_and_the_others_go_on() -> None:
    async def broken() -> None:
        raise RuntimeError("a defect")

    world = World(ScriptedProbe("broken", broken), ScriptedProbe("good", nothing))
    task = asyncio.create_task(world.scheduler.run())
    await world.pass_time(100)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    reasons = {name: result.reason for name, result in world.results}
    assert reasons == {"broken": Reason.INTERNAL, "good": None}


async def test_probes_are_closed_when_it_ends() -> None:
    probe = ScriptedProbe("a", nothing)
    world = World(probe)
    task = asyncio.create_task(world.scheduler.run())
    await world.pass_time(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert probe.closed


@given(st.text(max_size=20))
def test_a_name_has_one_place_in_the_interval(name: str) -> None:
    assert 0 <= spread(name) < 1
    assert spread(name) == spread(name)


@given(st.floats(0, 1e6), st.floats(0, 100), st.floats(0.1, 1e4))
def test_the_next_slot_is_the_first_not_before(after: float, offset: float, interval: float) -> None:
    slot = next_slot(after, offset, interval)
    tolerance = 1e-6 * max(1.0, after)
    assert after - tolerance <= slot <= after + interval + tolerance or slot == offset
