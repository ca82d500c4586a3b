"""A real Prometheus with the repository's own configuration scrapes a demo that runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.conftest import Program, Start
from tests.e2e.servers import Demo, Prometheus, wait_until
from tests.e2e.servers.process import REPOSITORY

SCRAPED_PORT = 9747


async def test_prometheus_scrapes_what_the_demo_serves(start: Start, tmp_path: Path) -> None:
    await start(Demo(tmp_path / "demo", port=SCRAPED_PORT))
    prometheus = await start(Prometheus(REPOSITORY / "prometheus.yml", tmp_path / "prometheus"))
    await prometheus.wait_for_value('up{job="sidecar"}', 1)

    async def money_was_spent() -> bool:
        return await prometheus.value("sum(pipeline_cost_usd_total)") > 0

    await wait_until(money_was_spent, "pipeline_cost_usd_total > 0")
    up = {sample.labels["dependency"]: sample.value for sample in await prometheus.query("probe_success")}
    assert up == dict.fromkeys(("anthropic", "firecrawl", "openai", "openrouter", "pdf_service"), 1.0) | up
    assert set(up.values()) == {1.0}


async def test_promtool_finds_nothing_to_say_of_our_metrics(
    start: Start, program: Program, tmp_path: Path
) -> None:
    demo = await start(Demo(tmp_path))

    async def jobs_are_counted() -> bool:
        return "pipeline_jobs_total" in (await demo.get("/metrics"))[1]

    await wait_until(jobs_are_counted, "the worker's metrics are served")
    _, text = await demo.get("/metrics")
    lint = subprocess.run(
        [program("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, "", "")


def test_the_configuration_is_valid(program: Program) -> None:
    check = subprocess.run(
        [program("promtool"), "check", "config", str(REPOSITORY / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stderr
