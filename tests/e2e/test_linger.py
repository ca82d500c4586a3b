"""`sidecar run` that is told to stop: it serves the last counts first, if it is to."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import Metric

from sidecar.documents import Documents
from sidecar.linger import Linger
from sidecar.redaction import Redactor
from sidecar.registry import Registry
from sidecar.scheduler import Scheduler
from sidecar.web import Routes
from tests.e2e.conftest import Start
from tests.e2e.servers import Prometheus, Sidecar, wait_until
from tests.sidecar.spool.spools import change_in_place, counter, living_worker

AN_HOUR = {"SIDECAR_LINGER_SECONDS": "3600"}
SCRAPE_CONFIG = """
global: {{scrape_interval: 2s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: sidecar
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""


async def told_to_stop(sidecar: Sidecar) -> None:
    """It has heard SIGTERM, and lingers."""
    os.kill(sidecar.pid, signal.SIGTERM)

    async def lingers() -> bool:
        return (await sidecar.get("/readyz"))[0] == 503

    await wait_until(lingers, "the sidecar is not ready any more")


async def test_prometheus_has_what_a_worker_counted_after_the_last_scrape(
    start: Start, tmp_path: Path
) -> None:
    spool = tmp_path / "spool"
    lease = living_worker(spool, "w", counter(1.0))
    sidecar = await start(
        Sidecar(tmp_path / "sidecar", "{}\n", variables={**AN_HOUR, "SIDECAR_SPOOL": str(spool)})
    )
    file = tmp_path / "prometheus.yml"
    file.write_text(SCRAPE_CONFIG.format(port=sidecar.port))
    prometheus = await start(Prometheus(file, tmp_path / "prometheus"))
    await prometheus.wait_for_value("jobs_total", 1)
    change_in_place(spool / "counter_w.db", counter(8.0))
    os.close(lease)
    os.kill(sidecar.pid, signal.SIGTERM)
    assert await sidecar.exit_status() == 0
    await prometheus.wait_for_value("last_over_time(jobs_total[5m])", 8)


async def test_one_more_scrape_is_answered_and_ends_it(start: Start, tmp_path: Path) -> None:
    sidecar = await start(Sidecar(tmp_path / "sidecar", "linger_seconds: 3600\n"))
    await told_to_stop(sidecar)
    # None of these is a scrape.
    assert (await sidecar.get("/healthz"))[0] == 200
    assert (await sidecar.document())[0] == 200
    async with aiohttp.ClientSession() as session, session.head(f"{sidecar.url}/metrics") as answer:
        assert answer.status == 200
    status, body = await sidecar.get("/metrics")
    assert (status, body.splitlines()[-1][:8]) == (200, "sidecar_")
    assert await sidecar.exit_status() == 0
    assert "last_counts_not_scraped" not in sidecar.output()


class SlowRegistry(Registry):
    """What it has collected it gives when it is told to."""

    def __init__(self, spool: Path) -> None:
        super().__init__(spool)
        self.has_collected = asyncio.Event()
        self.may_give = asyncio.Event()

    async def snapshot(self) -> list[Metric]:
        families = await super().snapshot()
        self.has_collected.set()
        await self.may_give.wait()
        return families


async def test_a_scrape_that_was_collected_before_it_was_told_to_stop_is_not_the_last(tmp_path: Path) -> None:
    registry = SlowRegistry(tmp_path)
    linger = Linger()
    linger.seconds = 3600.0
    routes = Routes(registry, Scheduler(registry.service), Redactor(), Documents(registry), linger)
    app = web.Application()
    app.add_routes(routes.table())
    async with asyncio.timeout(30), TestClient(TestServer(app)) as client:
        early = asyncio.ensure_future(client.get("/metrics"))
        await registry.has_collected.wait()
        lingering = asyncio.ensure_future(linger.until_scraped())
        assert (await client.get("/healthz")).status == 200
        assert linger.has_begun
        registry.may_give.set()
        assert b"sidecar_" in await (await early).read()
        assert (await client.get("/healthz")).status == 200  # by now the server is done with the scrape
        assert not lingering.done()
        assert b"sidecar_" in await (await client.get("/metrics")).read()
        await lingering


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_second_signal_ends_it_at_once(start: Start, tmp_path: Path, second: signal.Signals) -> None:
    sidecar = await start(Sidecar(tmp_path / "sidecar", "{}\n", variables=AN_HOUR))
    await told_to_stop(sidecar)
    os.kill(sidecar.pid, second)
    assert await sidecar.exit_status() == 0
    assert "Traceback" not in sidecar.output()


async def test_at_the_keyboard_nobody_waits(start: Start, tmp_path: Path) -> None:
    sidecar = await start(Sidecar(tmp_path / "sidecar", "{}\n", variables=AN_HOUR))
    os.kill(sidecar.pid, signal.SIGINT)
    assert await sidecar.exit_status() == 0
    assert "lingers" not in sidecar.output()


async def test_when_nobody_asks_it_ends_with_its_time_and_says_so(start: Start, tmp_path: Path) -> None:
    sidecar = await start(Sidecar(tmp_path / "sidecar", "linger_seconds: 0.5\n"))
    os.kill(sidecar.pid, signal.SIGTERM)
    assert await sidecar.exit_status() == 0
    assert "last_counts_not_scraped" in sidecar.output()
