"""`pipeline run` with a budget and a quota, against the stand-ins; and what the sidecar makes of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from prometheus_client import Metric

from sidecar.health.pipeline import budget_entry, rate_limit_entries
from sidecar.health.samples import Samples
from sidecar.spool.reader import SpoolReader
from tests.e2e.jobs.standing_in import PAID, world


def families(spool: Path) -> tuple[Metric, ...]:
    return tuple(SpoolReader(spool).read().families)


async def test_nothing_is_sent_that_the_budget_has_no_money_for(tmp_path: Path) -> None:
    async with world(tmp_path) as stand_ins:
        stand_ins.write_postings(2)
        await stand_ins.run(TOKEN_BUDGET_USD="0.000001", TOKEN_BUDGET_PERIOD="day")
        assert [seen for seen in stand_ins.seen if seen.dependency in PAID] == []
        counted = stand_ins.counted()
        assert counted.total("pipeline_calls_total", outcome="rejected_budget") > 0
        assert counted.total("pipeline_budget_decisions_total", decision="rejected") > 0
        assert counted.total("pipeline_cost_usd_total") == 0


async def test_a_job_that_the_budget_has_no_envelope_for_does_not_begin(tmp_path: Path) -> None:
    """Of two at once the other one is done; the document shows what it has spent and used."""
    async with world(tmp_path) as stand_ins:
        stand_ins.write_postings(2)
        status, out = await stand_ins.run(
            TOKEN_BUDGET_USD="2",
            TOKEN_BUDGET_PER_JOB_USD="1.5",
            TOKEN_BUDGET_PERIOD="day",
            FIRECRAWL_DAILY_LIMIT="600",
            OPENROUTER_RATE_LIMIT_PER_MIN="3500",
        )
        assert status == 1
        assert "1 succeeded, 1 failed" in out
        assert "the job: the call may cost 1.5 USD, and " in out
        assert " of the budget of 2 USD are spent or held; it resets in " in out
        samples = Samples(families(stand_ins.spool))
        assert budget_entry(samples, time.time()) == {
            "limit_usd": 2.0,
            "spent_usd": pytest.approx(stand_ins.counted().total("pipeline_cost_usd_total"), abs=1e-6),
            "reserved_usd": 0.0,
            "state": "ok",
        }
        left = 600 - len([seen for seen in stand_ins.seen if seen.dependency == "firecrawl"])
        rows = {row["dependency"]: row for row in rate_limit_entries(samples)}
        assert (rows["firecrawl"]["remaining"], rows["openrouter"]["limit"]) == (left, 3500)


async def test_not_enforcing_counts_what_would_have_been_refused(tmp_path: Path) -> None:
    async with world(tmp_path) as stand_ins:
        stand_ins.write_postings(1)
        status, _ = await stand_ins.run(TOKEN_BUDGET_USD="0.00001", ENFORCE_TOKEN_BUDGET="false")
        assert status == 0
        assert stand_ins.counted().total("pipeline_budget_decisions_total", decision="would_reject") > 0
        entry = budget_entry(Samples(families(stand_ins.spool)), time.time())
        assert entry is not None
        assert entry["state"] == "spent"


async def test_a_ledger_of_somebody_elses_making_is_refused_in_one_line(tmp_path: Path) -> None:
    async with world(tmp_path) as stand_ins:
        stand_ins.write_postings(1)
        stand_ins.spool.mkdir()
        (stand_ins.spool / "budget.ledger").write_bytes(b"money" * 1000)
        process = await stand_ins.start(TOKEN_BUDGET_USD="1")
        _, err = await process.communicate()
        assert process.returncode == 2
        assert err.decode().splitlines() == [
            f"pipeline run: {stand_ins.spool}/budget.ledger: is no ledger of this version; move it away"
        ]
