"""100 hostile targets at once: each has its reason, and 20 good ones stay on schedule."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import pytest
from prometheus_client import CollectorRegistry

from sidecar.dependency_series import DependencySeries
from sidecar.probes import HttpOptions, HttpProbe, Reason
from sidecar.scheduler import Scheduler
from sidecar.service_metrics import ServiceMetrics
from sidecar.watch import Watch
from tests.sidecar.probes.certificates import EARLIER, certificate, serving_with
from tests.sidecar.probes.exchange.hostile import HOSTILE
from tests.sidecar.probes.exchange.targets import OK, behaving, full_backlog, saying

HOSTILE_TARGETS: Final = 100
GOOD_TARGETS: Final = 20
INTERVAL_SECONDS: Final = 2.0
TIMEOUT_SECONDS: Final = 1.0
ALLOWED_MORE_SECONDS: Final = 0.5
ROUNDS: Final = 3
MORE_MEMORY_BYTES: Final = 48 * 1024 * 1024

Url = str


async def hostile_urls(opened: AsyncExitStack) -> list[tuple[Url, Reason]]:
    urls = []
    for behaviour, reason in HOSTILE.values():
        port = await opened.enter_async_context(behaving(behaviour))
        urls.append((f"http://127.0.0.1:{port}/", reason))
    for leaf in (
        certificate("localhost"),
        certificate("elsewhere"),
        certificate("localhost", expires=EARLIER),
    ):
        port = await opened.enter_async_context(behaving(saying(OK), tls=serving_with(leaf)))
        urls.append((f"https://localhost:{port}/", Reason.TLS))
    urls.append((f"http://127.0.0.1:{opened.enter_context(full_backlog())}/", Reason.TIMEOUT))
    return urls


async def good_urls(opened: AsyncExitStack) -> list[tuple[Url, None]]:
    return [(f"http://127.0.0.1:{await opened.enter_async_context(behaving(saying(OK)))}/", None)]


def serve(pipe: Connection, *, hostile: bool) -> None:
    """A process of its own: what the targets do is not the sidecar's time."""

    async def run() -> None:
        async with AsyncExitStack() as opened:
            pipe.send(await (hostile_urls(opened) if hostile else good_urls(opened)))
            await asyncio.to_thread(pipe.recv)

    asyncio.run(run())


@contextmanager
def targets(*, hostile: bool) -> Iterator[list[tuple[Url, Reason | None]]]:
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=serve, args=(there,), kwargs={"hostile": hostile}, daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        here.send("end")
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()
        here.close()
        there.close()


def watch(name: str, url: Url) -> tuple[Watch, DependencySeries]:
    options = HttpOptions.model_validate(
        {"url": url, "interval_seconds": INTERVAL_SECONDS, "timeout_seconds": TIMEOUT_SECONDS}
    )
    probe = HttpProbe(name, options)
    series = DependencySeries(name, probe.kind, options)
    return Watch(probe, series), series


def resident_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(ServiceMetrics(CollectorRegistry()))
    yield scheduler
    await scheduler.close()


async def test_100_hostile_targets_have_their_reasons_and_delay_no_good_one(scheduler: Scheduler) -> None:
    with ExitStack() as opened:
        hostile = opened.enter_context(targets(hostile=True))
        good = opened.enter_context(targets(hostile=False))
        expected = {
            f"hostile_{number}": target
            for number, target in zip(range(HOSTILE_TARGETS), itertools.cycle(hostile), strict=False)
        } | {f"good_{number}": good[0] for number in range(GOOD_TARGETS)}
        watched = {name: watch(name, url) for name, (url, _) in expected.items()}
        before = resident_bytes()
        await scheduler.keep(each for each, _ in watched.values())
        await asyncio.sleep(INTERVAL_SECONDS * (ROUNDS + 1))
        grown = resident_bytes() - before
        await scheduler.close()
    for name, (each, series) in watched.items():
        url, reason = expected[name]
        runs = list(each.history.results())
        assert len(runs) >= ROUNDS, name
        assert {run.result.reason for run in runs} == {reason}, (name, url, runs[0])
        assert all(run.result.duration_seconds < TIMEOUT_SECONDS + ALLOWED_MORE_SECONDS for run in runs), name
        assert series.missed_runs == 0, name
    assert grown < MORE_MEMORY_BYTES
