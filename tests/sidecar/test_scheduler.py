from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from sidecar.probes import ProbeOptions, ProbeResult, Reason
from sidecar.scheduler import Lanes, Retry, Scheduler, next_slot, spread
from sidecar.service_metrics import ServiceMetrics
from sidecar.watch import Watch
from tests.clock import Clock
from tests.sidecar.scripted import fail, for_ever, settle, watch

GOOD, BAD = ProbeResult(0.01), ProbeResult(0.01, Reason.CONNECT)


class World:
    """A scheduler whose time is moved by its own sleeping: nobody waits."""

    def __init__(self) -> None:
        self.clock = Clock(0.0)
        self.registry = CollectorRegistry()
        self.sleepers: list[tuple[float, asyncio.Event]] = []
        self.scheduler = Scheduler(ServiceMetrics(self.registry), clock=self.clock, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        sleeper = (self.clock.now + seconds, woken)
        self.sleepers.append(sleeper)
        try:
            await woken.wait()
        finally:
            if sleeper in self.sleepers:
                self.sleepers.remove(sleeper)

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

    async def keep(self, *watches: Watch) -> None:
        await self.scheduler.keep(watches)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.scheduler.close()


async def test_a_probe_runs_once_an_interval(world: World) -> None:
    one, probe, _ = watch()
    await world.keep(one)
    await world.pass_time(100)
    assert 10 <= probe.runs <= 11


async def test_it_is_ready_once_every_probe_has_run(world: World) -> None:
    await world.keep(watch("a")[0], watch("b")[0])
    assert not world.scheduler.ready
    await world.pass_time(1)
    assert world.scheduler.ready


async def test_first_runs_do_not_come_in_a_burst(world: World) -> None:
    starts: list[float] = []

    async def note() -> None:
        starts.append(world.clock.now)

    await world.keep(*(watch(f"d{number}", note)[0] for number in range(50)))
    await world.pass_time(1.1)
    assert len(starts) == 50
    assert len({round(start, 2) for start in starts}) > 25


async def test_a_hung_probe_delays_nobody_and_never_runs_twice_at_once(world: World) -> None:
    hung, hung_probe, _ = watch("hung", for_ever)
    good, good_probe, _ = watch("good")
    await world.keep(hung, good)
    await world.pass_time(100)
    assert hung_probe.most_at_once == 1
    assert good_probe.runs >= 10


async def test_after_a_failure_it_looks_again_soon_and_then_less_often(world: World) -> None:
    starts: list[float] = []

    async def note_and_fail() -> None:
        starts.append(world.clock.now)
        await fail()

    options = ProbeOptions(interval_seconds=60, timeout_seconds=5)
    await world.keep(watch("a", note_and_fail, options)[0])
    await world.pass_time(30)
    gaps = [round(later - earlier) for earlier, later in pairwise(starts)]
    assert gaps[:3] == [2, 4, 8]


def test_the_wait_after_failures_grows_to_the_interval() -> None:
    retry = Retry(10)
    assert [retry.after(BAD) for _ in range(5)] == [2, 4, 8, 10, 10]
    assert retry.after(GOOD) == 10
    assert retry.after(BAD) == 2


def test_an_exhausted_quota_is_not_asked_again_soon() -> None:
    assert Retry(10).after(ProbeResult(0.01, Reason.QUOTA)) == 10


async def test_a_run_that_outlasts_its_slot_is_counted_and_no_run_is_made_up(world: World) -> None:
    async def overrun() -> None:
        world.clock.advance(25)

    one, probe, series = watch("slow", overrun)
    await world.keep(one)
    await world.pass_time(100)
    assert probe.runs == 4
    assert series.missed_runs == 2 * probe.runs  # 25 s of every 30 s, due each 10 s


async def test_a_defect_in_what_follows_a_run_does_not_end_the_watch(world: World) -> None:
    _, probe, series = watch("a", fail)

    async def broken() -> bool:
        raise RuntimeError("a defect")

    await world.keep(Watch(probe, series, own_network_is_up=broken))
    await world.pass_time(60)
    assert probe.runs >= 6


async def test_who_met_its_deadline_waits_in_a_lane_of_its_own() -> None:
    lanes = Lanes()
    slow, quick = watch("slow")[0], watch("quick")[0]
    lanes.note(slow, ProbeResult(5, Reason.TIMEOUT))
    assert lanes.of(slow) is not lanes.of(quick)
    lanes.note(slow, GOOD)
    assert lanes.of(slow) is lanes.of(quick)


async def test_who_stays_goes_on_undisturbed_and_who_goes_is_closed(world: World) -> None:
    stays, stays_probe, _ = watch("stays")
    goes, goes_probe, _ = watch("goes")
    await world.keep(stays, goes)
    await world.pass_time(25)
    before = stays_probe.runs
    comes, comes_probe, _ = watch("comes")
    await world.keep(stays, comes)
    await world.pass_time(30)
    assert goes_probe.closed
    assert not stays_probe.closed
    assert stays_probe.runs - before == 3
    assert comes_probe.runs >= 3


async def test_close_ends_a_run_that_hangs(world: World) -> None:
    hung, probe, _ = watch("hung", for_ever)
    await world.keep(hung)
    await world.pass_time(1)
    await world.scheduler.close()
    assert probe.closed
    assert probe.running == 0


async def test_how_late_runs_start_is_observed(world: World) -> None:
    await world.keep(watch("a")[0])
    await world.pass_time(25)
    assert world.registry.get_sample_value("sidecar_probe_start_delay_seconds_count") == 3


@given(st.text(max_size=20))
def test_a_name_has_one_place_in_the_interval(name: str) -> None:
    assert 0 <= spread(name) < 1
    assert spread(name) == spread(name)


@given(st.floats(0, 1e6), st.floats(0, 100), st.floats(0.1, 1e4))
def test_the_next_slot_is_the_first_not_before(after: float, offset: float, interval: float) -> None:
    slot = next_slot(after, offset, interval)
    tolerance = 1e-6 * max(1.0, after)
    assert after - tolerance <= slot <= after + interval + tolerance or slot == offset
