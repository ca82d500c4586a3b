"""Reloading a sidecar that is probing and being scraped."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.conftest import Start
from tests.e2e.servers import Sidecar, StandIn, free_port, wait_until

COUNTERS = ("probe_runs_total", "probe_failures_total", "probe_run_duration_seconds_count")


def config(stand_in: StandIn, dead_port: int, *, interval_seconds: float = 0.2, more: str = "") -> str:
    return f"""
timeout_seconds: 0.1
dependencies:
  steady: {{kind: http, url: "{stand_in.url}/health", interval_seconds: 0.2}}
  dead: {{kind: http, url: "http://127.0.0.1:{dead_port}/", interval_seconds: 0.2, failures_to_down: 100}}
  changed: {{kind: http, url: "{stand_in.url}/health", interval_seconds: {interval_seconds}}}
{more}"""


def counters(text: str) -> dict[tuple[str, str, str], float]:
    return {
        (sample.name, sample.labels["dependency"], sample.labels.get("reason", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in COUNTERS
    }


async def test_reloads_lose_no_counter_and_no_streak(start: Start, tmp_path: Path) -> None:
    stand_in = await start(StandIn(tmp_path / "stand-in", "pdf_service"))
    dead_port = free_port()
    sidecar = await start(Sidecar(tmp_path / "sidecar", config(stand_in, dead_port)))
    file = tmp_path / "sidecar" / "sidecar.yml"
    seen: dict[tuple[str, str, str], float] = {}

    async def scrape() -> None:
        while True:
            _, text = await sidecar.get("/metrics")
            now = counters(text)
            assert all(now[series] >= value for series, value in seen.items() if series[1] != "extra")
            seen.update(now)
            await asyncio.sleep(0.01)

    scraping = asyncio.create_task(scrape())
    extra = f'  extra: {{kind: http, url: "{stand_in.url}/health", interval_seconds: 0.2}}\n'
    for number in range(12):
        file.write_text(
            config(
                stand_in, dead_port, interval_seconds=0.2 + number % 3 / 10, more=extra if number % 2 else ""
            )
        )
        os.kill(sidecar.pid, signal.SIGHUP)
        await asyncio.sleep(0.15)
    scraping.cancel()
    result = (await asyncio.gather(scraping, return_exceptions=True))[0]
    assert isinstance(result, asyncio.CancelledError), result
    _, debug = await sidecar.get("/debug/probes/dead")
    assert '"state": "unknown"' in debug, "100 failures in a row are not there yet"

    file.write_text(config(stand_in, dead_port).replace("failures_to_down: 100", "failures_to_down: 3"))
    os.kill(sidecar.pid, signal.SIGHUP)
    # The streak of before the reload counts: the first failure after it is enough.
    await sidecar.wait_for("dead", "down", timeout_seconds=5)


async def test_an_invalid_file_changes_nothing_and_is_told(start: Start, tmp_path: Path) -> None:
    stand_in = await start(StandIn(tmp_path / "stand-in", "pdf_service"))
    sidecar = await start(Sidecar(tmp_path / "sidecar", config(stand_in, free_port())))
    (tmp_path / "sidecar" / "sidecar.yml").write_text("dependencies: {steady: {kind: htpp}}\n")

    async def refused() -> bool:
        return "sidecar_config_last_reload_successful 0.0" in (await sidecar.get("/metrics"))[1]

    await wait_until(refused, "the changed file is read and refused", timeout_seconds=10)
    _, document = await sidecar.document()
    assert set(document["dependencies"]) == {"steady", "dead", "changed"}
    assert "'htpp' is not a kind of probe" in sidecar.output()
