from __future__ import annotations

import asyncio
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sidecar.dependency_series import DependencyCollector
from sidecar.documents import Documents
from sidecar.exposition import Renderer, from_text
from sidecar.probes import HttpOptions, ProbeResult, Reason
from sidecar.redaction import Redactor
from sidecar.registry import Registry
from sidecar.scheduler import Scheduler
from sidecar.spool.reader import SpoolReader
from sidecar.state import StateMachine
from sidecar.web import Routes

NOW = 1_800_000_000.0


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


@pytest.fixture
async def client(registry: Registry, aiohttp_client: Any) -> Any:
    app = web.Application()
    app.add_routes(
        Routes(
            registry, Scheduler(registry.service), Redactor(), Documents(registry, now=lambda: NOW)
        ).table()
    )
    return await aiohttp_client(app)


def watch(registry: Registry, reason: Reason | None, *, critical: bool) -> None:
    options = HttpOptions(url="http://localhost/", critical=critical, failures_to_down=1)
    result = ProbeResult(0.25, reason)
    state = StateMachine(options).observe(result)
    registry.dependencies.series("pdf_service", "http", options).record(result, state, NOW)


@pytest.mark.parametrize(
    ("reason", "critical", "code", "status"),
    [
        (None, True, 200, "healthy"),
        (Reason.TIMEOUT, False, 200, "degraded"),
        (Reason.TIMEOUT, True, 503, "unhealthy"),
        (Reason.QUOTA, True, 200, "degraded"),
    ],
)
async def test_only_a_critical_dependency_that_is_down_answers_503(
    registry: Registry, client: Any, reason: Reason | None, critical: bool, code: int, status: str
) -> None:
    watch(registry, reason, critical=critical)
    answer = await client.get("/api/health/status")
    document = await answer.json()
    assert (answer.status, document["status"]) == (code, status)
    assert answer.headers["Cache-Control"] == "no-cache"
    assert document["dependencies"]["pdf_service"]["reason"] == reason
    assert document["checked_at"] == "2027-01-15T08:00:00.000Z"


async def test_metrics_are_in_prometheus_text_format(registry: Registry, client: Any) -> None:
    watch(registry, Reason.TIMEOUT, critical=True)
    answer = await client.get("/metrics")
    text = await answer.text()
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'probe_success{dependency="pdf_service",kind="http"} 0.0' in text
    assert 'probe_failures_total{dependency="pdf_service",reason="timeout"} 1.0' in text
    assert 'probe_failures_total{dependency="pdf_service",reason="dns"} 0.0' in text
    assert "_created" not in text
    assert {family.name for family in from_text(text)} >= {"probe_success", "sidecar_spool_workers"}


async def test_a_dependency_is_unknown_before_its_first_run(registry: Registry, client: Any) -> None:
    registry.dependencies.series("pdf_service", "http", HttpOptions(url="http://localhost/"))
    document = await (await client.get("/api/health/status")).json()
    assert document["dependencies"]["pdf_service"]["status"] == "unknown"
    assert document["summary"] == "pdf_service has not been checked yet"
    assert document["checked_at"] is None


async def test_a_bad_file_in_the_spool_leaves_metrics_at_200(tmp_path: Path, client: Any) -> None:
    (tmp_path / "counter_1.db").write_bytes(b"")
    answer = await client.get("/metrics")
    assert answer.status == 200
    assert "sidecar_spool_unreadable_files 1.0" in await answer.text()


async def test_a_workers_file_cannot_write_the_sidecars_own_metrics(tmp_path: Path, client: Any) -> None:
    from pipeline.definitions import CounterDefinition
    from pipeline.meter import Meter

    meter = Meter.spooling(tmp_path)
    meter.counter(CounterDefinition(name="probe_runs_total", help="Forged.")).inc()
    assert "Forged" not in await (await client.get("/metrics")).text()
    meter.close()


async def test_liveness_answers_and_nothing_else_does(client: Any) -> None:
    assert await (await client.get("/healthz")).text() == "alive\n"
    assert (await client.get("/readyz")).status == 200
    assert (await client.get("/nothing")).status == 404
    assert (await client.post("/metrics")).status == 405


async def test_a_scraper_that_asks_for_openmetrics_gets_it(registry: Registry, client: Any) -> None:
    watch(registry, None, critical=True)
    prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    answer = await client.get("/metrics", headers={"Accept": prometheus})
    text = await answer.text()
    assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"
    assert "# TYPE probe_runs counter\n" in text
    assert text.endswith("# EOF\n")


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip", "gzip"), ("gzip;q=0, *", None), ("br", None)])
async def test_a_scrape_is_compressed_for_who_accepts_that(
    client: Any, accepted: str, encoding: str | None
) -> None:
    answer = await client.get("/metrics", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == encoding
    assert "sidecar_build_info" in await answer.text()


async def test_a_head_request_collects_nothing(
    registry: Registry, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "snapshot", None)
    answer = await client.head("/metrics")
    assert (answer.status, await answer.read()) == (200, b"")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "Content-Length" not in answer.headers


@pytest.mark.parametrize(
    ("owner", "work"),
    [(DependencyCollector, "collect"), (SpoolReader, "read"), (Renderer, "render"), (zlib, "compress")],
)
async def test_while_a_scrape_is_collected_written_or_compressed_the_sidecar_answers(
    client: Any, monkeypatch: pytest.MonkeyPatch, owner: object, work: str
) -> None:
    began, go_on = threading.Event(), threading.Event()
    in_time: list[bool] = []
    at_once = getattr(owner, work)

    def held(*arguments: Any, **options: Any) -> Any:
        began.set()
        in_time.append(go_on.wait(5))
        return at_once(*arguments, **options)

    monkeypatch.setattr(owner, work, held)
    scrape = asyncio.create_task(client.get("/metrics", headers={"Accept-Encoding": "gzip"}))
    assert await asyncio.to_thread(began.wait, 5)
    assert (await client.get("/healthz")).status == 200
    go_on.set()
    assert "sidecar_build_info" in await (await scrape).text()
    assert in_time == [True]
