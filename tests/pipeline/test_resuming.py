from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import Dependency, Meter
from pipeline.jobs import Job, JobError, Journals
from pipeline.jobs.journal import Journal
from pipeline.metrics import RunOutcome
from pipeline.providers import ProviderError, Providers
from tests.pipeline.running import failing, layer, run, spending, values


async def test_job_that_failed_goes_on_at_its_failed_layer(
    providers: Providers, meter: Meter, tmp_path: Path
) -> None:
    guard = Dependency("openai", meter=meter)
    journals = Journals(tmp_path)
    broken = (layer("one", spending(guard, 0.25)), layer("two", failing(ProviderError("x", "down"))))
    (report,) = await run(providers, meter, broken, journals=journals)
    assert (report.outcome, report.layer, report.cost_usd) == (RunOutcome.FAILED, "two", 0.25)
    mended = (layer("one", failing(ZeroDivisionError())), layer("two", spending(guard, 0.5)))
    (report,) = await run(providers, meter, mended, journals=journals)
    assert (report.outcome, report.cost_usd) == (RunOutcome.SUCCEEDED, 0.5)
    assert values(meter, "pipeline_job_cost_usd_sum") == {(): 0.75}


async def test_job_that_is_done_is_not_run_or_counted_again(
    providers: Providers, meter: Meter, tmp_path: Path
) -> None:
    async def degrade(job: Job) -> None:
        job.degrade("no contacts")

    await run(providers, meter, (layer("one", degrade),), journals=Journals(tmp_path))
    never = (layer("one", failing(ZeroDivisionError())),)
    (report,) = await run(providers, meter, never, journals=Journals(tmp_path))
    assert (report.outcome, report.ran, report.reason) == (RunOutcome.DEGRADED, False, "no contacts")
    assert sum(values(meter, "pipeline_jobs_total").values()) == 1


async def test_layer_that_came_in_between_is_paid_once_and_so_are_those_after_it(
    providers: Providers, meter: Meter, tmp_path: Path
) -> None:
    guard = Dependency("openai", meter=meter)
    one, between, two = (layer(name, spending(guard, 0.25)) for name in ("one", "between", "two"))
    runs = ((one, two), (one, between, two), (one, between, two), (one, between, two))
    reports = [await run(providers, meter, layers, journals=Journals(tmp_path)) for layers in runs]
    assert [report.cost_usd for (report,) in reports] == [0.5, 0.5, 0.0, 0.0]


async def test_job_that_another_process_runs_is_left_to_it(
    providers: Providers, meter: Meter, tmp_path: Path
) -> None:
    others = Journals(tmp_path).open("job0")
    (report,) = await run(providers, meter, (layer("one"),), journals=Journals(tmp_path))
    others.close()
    assert (report.outcome, report.ran) == (None, False)
    assert sum(values(meter, "pipeline_jobs_total").values()) == 0


@pytest.mark.parametrize(
    ("error", "asked"), [(ProviderError("x", "down"), 1), (JobError("cannot be used"), 2)]
)
async def test_paid_answer_outlives_an_outage_but_not_a_layer_that_cannot_use_it(
    providers: Providers, meter: Meter, tmp_path: Path, error: Exception, asked: int
) -> None:
    questions: list[str] = []

    async def ask() -> str:
        questions.append("question")
        return "answer"

    async def ask_then_fail(job: Job) -> None:
        await job.once("question", ask)
        raise error

    for _ in range(2):
        await run(providers, meter, (layer("one", ask_then_fail),), journals=Journals(tmp_path))
    assert len(questions) == asked


async def test_what_can_be_made_good_is_by_the_next_run_which_pays_for_nothing_else(
    providers: Providers, meter: Meter, tmp_path: Path
) -> None:
    guard = Dependency("openai", meter=meter)

    async def unknown(job: Job) -> None:
        job.degrade("no model answered", can_be_made_good=True)

    async def ask(job: Job) -> None:
        async def answer() -> str:
            await spending(guard, 0.5)(job)
            return "answer"

        await job.once("question", answer)

    journals = Journals(tmp_path)
    dark = (layer("one", spending(guard, 0.25)), layer("two", unknown), layer("three", ask))
    (report,) = await run(providers, meter, dark, journals=journals)
    assert (report.outcome, report.can_be_made_good) == (RunOutcome.DEGRADED, True)
    light = (layer("one", failing(ZeroDivisionError())), layer("two"), layer("three", ask))
    (report,) = await run(providers, meter, light, journals=journals)
    assert (report.outcome, report.reason, report.cost_usd) == (RunOutcome.SUCCEEDED, None, 0.0)
    (report,) = await run(providers, meter, light, journals=journals)
    assert report.ran is False


async def test_journal_that_cannot_be_used_fails_its_job_alone(
    providers: Providers, meter: Meter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(journal: Journal, job: Job, *_: object, **__: object) -> None:
        if job.id == "job0":
            raise JobError("its files cannot be looked for")

    monkeypatch.setattr(Journal, "restore", refuse)
    reports = await run(providers, meter, (layer("one"),), 2, journals=Journals(tmp_path))
    assert {report.id: report.outcome for report in reports} == {
        "job0": RunOutcome.FAILED,
        "job1": RunOutcome.SUCCEEDED,
    }


async def test_money_of_a_killed_run_is_told_by_the_next_and_wasted_if_that_fails(
    providers: Providers, meter: Meter, tmp_path: Path
) -> None:
    killed = Journals(tmp_path).open("job0")
    killed.spent_usd_by_layer = {"one": 0.25}
    killed.record("question", "answer")
    killed.close()
    broken = (layer("one", failing(JobError("no"))),)
    (report,) = await run(providers, meter, broken, journals=Journals(tmp_path))
    assert report.cost_usd == 0.25
    assert values(meter, "pipeline_wasted_cost_usd_total") == {("one",): 0.25}
