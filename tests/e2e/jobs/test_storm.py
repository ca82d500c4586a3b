"""Many jobs at once while every provider fails now and then, and one is dead for a while."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path

from pipeline.layers import LAYERS
from tests.e2e.jobs.standing_in import FAIL_TEN_PERCENT, world

POSTINGS = 200
CONCURRENCY = 50
DEAD_SECONDS = 10
DEAD = "openrouter"
SENT = ("success", "error", "timeout", "cancelled")


async def test_no_job_is_lost_or_run_twice_and_counters_equal_what_the_providers_saw(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.write_postings(POSTINGS)
        for provider in at.providers.values():
            provider.misbehave(FAIL_TEN_PERCENT)
        run = asyncio.create_task(at.run(str(at.postings), "--concurrency", str(CONCURRENCY)))
        while len(at.seen) < POSTINGS // 2 and not run.done():
            await asyncio.sleep(0.01)
        async with at.providers[DEAD].dead():
            await asyncio.sleep(DEAD_SECONDS)
        status, out = await run
        counted = at.counted()

    ended = Counter(re.findall(r"^\[ *\d+/200\] (\w+)  ", out, re.MULTILINE))
    assert set(ended) <= {"succeeded", "degraded", "failed"}
    assert sum(ended.values()) == POSTINGS
    assert len(set(re.findall(r"  (\d{3}\.md)$", out, re.MULTILINE))) == POSTINGS
    assert ended["succeeded"] > POSTINGS / 2
    assert ended["degraded"] + ended["failed"] > 0
    assert status == (1 if ended["failed"] else 0)
    for outcome in ("succeeded", "degraded", "failed", "cancelled"):
        assert counted.total("pipeline_jobs_total", outcome=outcome) == ended[outcome]
    assert counted.total("pipeline_jobs_in_progress") == 0
    for layer in LAYERS:
        runs = counted.total("pipeline_layer_runs_total", layer=layer.name)
        assert runs == counted.total("pipeline_layer_duration_seconds_count", layer=layer.name) <= POSTINGS
    assert counted.total("pipeline_layer_runs_total", layer=LAYERS[0].name) == POSTINGS

    for name, provider in at.providers.items():
        statuses = Counter(seen.status for seen in at.seen if seen.dependency == name)
        calls = {
            outcome: counted.total("pipeline_calls_total", dependency=name, outcome=outcome)
            for outcome in SENT
        }
        assert calls["success"] == statuses.pop("200", 0), name
        assert calls["error"] == statuses.total() + provider.cut, name
        assert calls["timeout"] == calls["cancelled"] == 0
        assert counted.total("pipeline_call_duration_seconds_count", dependency=name) == sum(calls.values())
        cost_usd = sum(seen.cost_usd for seen in at.answers(name))
        assert abs(counted.total("pipeline_cost_usd_total", dependency=name) - cost_usd) < 1e-9, name
    assert at.providers[DEAD].cut > 0
    assert counted.total("circuit_breaker_transitions_total", dependency=DEAD, to_state="open") >= 1
    job_costs_usd = counted.total("pipeline_job_cost_usd_sum")
    assert abs(job_costs_usd - counted.total("pipeline_cost_usd_total")) < 1e-9
