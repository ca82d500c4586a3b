from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from pipeline import Breaker, BudgetExceededError, Dependency, Meter
from pipeline.jobs import Job, JobError, JobList, SourceError
from pipeline.layers import LAYERS, Layer, Workplace
from pipeline.metrics import RunOutcome
from pipeline.providers import ProviderError, Providers
from pipeline.runner import Runner
from tests.clock import Clock
from tests.pipeline.running import WALL_SECONDS, Nothing, Reports, failing, job, layer, run, spending, values


async def test_every_series_exists_with_0_before_the_first_job(providers: Providers, meter: Meter) -> None:
    Runner(LAYERS, Workplace(providers, Path()), meter, concurrency=1)
    outcomes = [outcome.value for outcome in RunOutcome]
    names = [layer.name for layer in LAYERS]
    assert values(meter, "pipeline_jobs_total") == {(outcome,): 0 for outcome in outcomes}
    assert values(meter, "pipeline_layer_runs_total") == {(n, o): 0 for n in names for o in outcomes}
    for name in ("pipeline_jobs_in_progress", "pipeline_last_progress_timestamp_seconds"):
        assert values(meter, name) == {(): 0}
    for name in ("pipeline_job_duration_seconds_count", "pipeline_job_cost_usd_count"):
        assert values(meter, name) == {(): 0}
    for name in (
        "pipeline_wasted_cost_usd_total",
        "pipeline_layer_jobs_in_progress",
        "pipeline_layer_duration_seconds_count",
    ):
        assert values(meter, name) == {(layer,): 0 for layer in names}
    calls = values(meter, "pipeline_calls_total")
    assert calls["pain_points", "openrouter", "success"] == 0
    assert calls["publish", "pdf_service", "rejected_breaker"] == 0
    assert ("intake", "openrouter", "success") not in calls


async def test_job_that_succeeds_is_counted_once_in_every_layer(providers: Providers, meter: Meter) -> None:
    clock = Clock()

    async def work(_job: Job) -> None:
        clock.advance(2)

    (report,) = await run(providers, meter, (layer("one", work), layer("two", work)), clock=clock)
    assert (report.id, report.outcome, report.duration_seconds) == ("job0", RunOutcome.SUCCEEDED, 4)
    assert (report.layer, report.reason) == (None, None)
    assert values(meter, "pipeline_jobs_total")["succeeded",] == 1
    assert values(meter, "pipeline_layer_runs_total")["one", "succeeded"] == 1
    assert values(meter, "pipeline_layer_duration_seconds_sum") == {("one",): 2, ("two",): 2}
    assert values(meter, "pipeline_job_duration_seconds_sum") == {(): 4}
    assert values(meter, "pipeline_last_progress_timestamp_seconds") == {(): WALL_SECONDS}
    assert values(meter, "pipeline_jobs_in_progress") == {(): 0}
    assert values(meter, "pipeline_layer_jobs_in_progress") == {("one",): 0, ("two",): 0}


async def test_cost_belongs_to_the_job_and_the_layer_that_spent_it(
    providers: Providers, meter: Meter
) -> None:
    guard = Dependency("openai", meter=meter)
    layers = (layer("one", spending(guard, 0.25)), layer("two", spending(guard, 0.5)))
    (report,) = await run(providers, meter, layers)
    assert report.cost_usd == 0.75
    assert values(meter, "pipeline_cost_usd_total") == {
        ("one", "openai", "model"): 0.25,
        ("two", "openai", "model"): 0.5,
    }
    assert values(meter, "pipeline_job_cost_usd_sum") == {(): 0.75}
    assert values(meter, "pipeline_wasted_cost_usd_total") == {("one",): 0, ("two",): 0}


async def test_cost_of_a_failed_job_is_wasted_in_the_layers_that_spent_it(
    providers: Providers, meter: Meter
) -> None:
    guard = Dependency("openai", meter=meter)
    layers = (layer("one", spending(guard, 0.25)), layer("two", failing(JobError("no"))))
    await run(providers, meter, layers)
    assert values(meter, "pipeline_wasted_cost_usd_total") == {("one",): 0.25, ("two",): 0}
    assert values(meter, "pipeline_job_cost_usd_sum") == {(): 0.25}


async def refused_by_breaker(_job: Job) -> None:
    breaker = Breaker(failure_threshold=1, name="openrouter", clock=Clock())
    with pytest.raises(ZeroDivisionError), breaker:
        raise ZeroDivisionError
    breaker.admit()


@pytest.mark.parametrize(
    ("fail", "reason"),
    [
        (failing(JobError("no title found")), "no title found"),
        (failing(ProviderError("openrouter", "status 500")), "openrouter: status 500"),
        (refused_by_breaker, "circuit breaker openrouter is open; try again in 30.0 s"),
    ],
)
async def test_expected_error_fails_the_job_with_one_log_line(
    providers: Providers, meter: Meter, fail: Callable[[Job], Awaitable[None]], reason: str
) -> None:
    with structlog.testing.capture_logs() as logs:
        (report,) = await run(providers, meter, (layer("one", fail), layer("two")))
    assert (report.outcome, report.layer, report.reason) == (RunOutcome.FAILED, "one", reason)
    assert values(meter, "pipeline_jobs_total")["failed",] == 1
    runs = values(meter, "pipeline_layer_runs_total")
    assert runs["one", "failed"] == 1
    assert sum(count for (name, _), count in runs.items() if name == "two") == 0
    assert values(meter, "pipeline_last_progress_timestamp_seconds") == {(): 0}
    (line,) = (entry for entry in logs if entry["log_level"] != "info")
    assert (line["event"], line["layer"], line["reason"]) == ("job.failed", "one", reason)


async def test_unexpected_error_fails_the_job_and_is_logged_with_its_traceback(
    providers: Providers, meter: Meter
) -> None:
    with structlog.testing.capture_logs() as logs:
        (report,) = await run(providers, meter, (layer("one", failing(ZeroDivisionError("SECRET"))),))
    assert (report.outcome, report.reason) == (RunOutcome.FAILED, "unexpected ZeroDivisionError")
    assert [entry["exc_info"] for entry in logs if entry["event"] == "job.crashed"] == [True]


async def test_one_jobs_failure_leaves_the_others_alone(providers: Providers, meter: Meter) -> None:
    async def odd_ones_fail(job: Job) -> None:
        await asyncio.sleep(0)
        if job.id in {"job1", "job3"}:
            raise ZeroDivisionError

    reports = await run(providers, meter, (layer("one", odd_ones_fail),), 5, concurrency=2)
    ended = {report.id: report.outcome for report in reports}
    assert ended == {
        "job0": "succeeded",
        "job1": "failed",
        "job2": "succeeded",
        "job3": "failed",
        "job4": "succeeded",
    }
    assert values(meter, "pipeline_jobs_total") == {
        ("succeeded",): 3,
        ("degraded",): 0,
        ("failed",): 2,
        ("cancelled",): 0,
    }


async def test_at_most_so_many_jobs_run_at_once(providers: Providers, meter: Meter) -> None:
    running: list[float] = []

    async def look(_job: Job) -> None:
        running.append(values(meter, "pipeline_jobs_in_progress")[()])
        for _ in range(3):
            await asyncio.sleep(0)

    assert len(await run(providers, meter, (layer("one", look),), 20, concurrency=3)) == 20
    assert max(running) == 3


async def test_job_is_taken_only_when_its_turn_comes(providers: Providers, meter: Meter) -> None:
    taken: list[int] = []
    ended = Reports()

    def jobs() -> Iterator[Job]:
        for number in range(6):
            taken.append(number - len(ended))
            yield job(number)

    async def work(_job: Job) -> None:
        await asyncio.sleep(0)

    runner = Runner((layer("one", work),), Workplace(providers, Path()), meter, concurrency=2)
    await runner.run(JobList(jobs()), ended)
    assert max(taken) == 1


async def test_cancelled_jobs_are_counted_and_the_gauges_go_down(providers: Providers, meter: Meter) -> None:
    reports = Reports()
    runner = Runner(
        (layer("one"), layer("two", lambda _: asyncio.sleep(60))),
        Workplace(providers, Path()),
        meter,
        concurrency=2,
    )
    task = asyncio.create_task(runner.run(JobList(map(job, range(5))), reports))
    while values(meter, "pipeline_layer_jobs_in_progress")["two",] < 2:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(report.outcome, report.layer) for report in reports] == [(RunOutcome.CANCELLED, "two")] * 2
    assert values(meter, "pipeline_jobs_total") == {
        ("succeeded",): 0,
        ("degraded",): 0,
        ("failed",): 0,
        ("cancelled",): 2,
    }
    assert values(meter, "pipeline_layer_runs_total")["two", "cancelled"] == 2
    assert values(meter, "pipeline_jobs_in_progress") == {(): 0}
    assert values(meter, "pipeline_layer_jobs_in_progress") == {("one",): 0, ("two",): 0}


async def test_money_of_a_cancelled_job_is_not_wasted(providers: Providers, meter: Meter) -> None:
    guard = Dependency("openai", meter=meter)

    async def cancel(_job: Job) -> None:
        raise asyncio.CancelledError

    layers = (layer("one", spending(guard, 0.25)), layer("two", cancel))
    await run(providers, meter, layers)
    assert values(meter, "pipeline_jobs_total")["cancelled",] == 1
    assert values(meter, "pipeline_wasted_cost_usd_total") == {("one",): 0, ("two",): 0}


async def test_no_concurrency_is_refused(providers: Providers, meter: Meter) -> None:
    with pytest.raises(ValueError, match="concurrency: 0 must be at least 1"):
        await run(providers, meter, (), concurrency=0)


async def test_dependency_that_is_not_set_up_has_no_series(providers: Providers, meter: Meter) -> None:
    async def work(_job: Job, _workplace: Workplace) -> Nothing:
        return Nothing()

    await run(providers, meter, (Layer("one", ("teapot",), Nothing, work),))
    assert ("one", "teapot", "success") not in values(meter, "pipeline_calls_total")


async def test_degraded_layer_makes_the_job_degraded_and_the_others_not(
    providers: Providers, meter: Meter
) -> None:
    async def degrade(job: Job) -> None:
        job.degrade("contacts are synthetic")

    (report,) = await run(providers, meter, (layer("one"), layer("two", degrade), layer("three")))
    assert (report.outcome, report.reason) == (RunOutcome.DEGRADED, "contacts are synthetic")
    assert values(meter, "pipeline_jobs_total")["degraded",] == 1
    runs = values(meter, "pipeline_layer_runs_total")
    assert [runs["one", "succeeded"], runs["two", "degraded"], runs["three", "succeeded"]] == [1, 1, 1]


async def test_no_more_jobs_to_be_had_is_told_when_those_under_way_have_ended(
    providers: Providers, meter: Meter
) -> None:
    class Breaking(JobList):
        async def take(self) -> Job | None:
            job = await super().take()
            if job is None:
                raise SourceError("gone")
            return job

    reports = Reports()
    runner = Runner((layer("one"),), Workplace(providers, Path()), meter, concurrency=3)
    with pytest.raises(SourceError, match="gone"):
        await runner.run(Breaking(map(job, range(5))), reports)
    assert [report.outcome for report in reports] == [RunOutcome.SUCCEEDED] * 5


async def test_job_that_the_budget_has_no_money_for_runs_no_layer(providers: Providers, meter: Meter) -> None:
    @asynccontextmanager
    async def refuse() -> AsyncIterator[None]:
        raise BudgetExceededError("none", limit_usd=1, spent_usd=1, asked_usd=1)
        yield

    reports = Reports()
    one = layer("one", failing(ZeroDivisionError()))
    runner = Runner((one,), Workplace(providers, Path()), meter, concurrency=1, reserve=refuse)
    await runner.run(JobList([job()]), reports)
    assert [(report.outcome, report.layer) for report in reports] == [(RunOutcome.FAILED, None)]
    assert "budget" in (reports[0].reason or "")
    assert values(meter, "pipeline_layer_runs_total")["one", "failed"] == 0
