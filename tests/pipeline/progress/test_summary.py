from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.jobs import JobReport
from pipeline.metrics import RunOutcome
from pipeline.progress import Summary
from pipeline.progress.lines import Lines


def report(outcome: RunOutcome | None, **more: object) -> JobReport:
    fields = {"id": "1", "source": "postings/cook.md", "cost_usd": 0.25} | more
    return JobReport(outcome=outcome, **fields)  # type: ignore[arg-type]


def summary_of(expected: int | None, *reports: JobReport) -> Summary:
    summary = Summary(expected)
    for each in reports:
        summary.add(each)
    return summary


@pytest.mark.parametrize(
    ("outcomes", "expected", "all_done"),
    [
        ((RunOutcome.SUCCEEDED, RunOutcome.DEGRADED), 2, True),
        ((RunOutcome.SUCCEEDED, RunOutcome.FAILED), 2, False),
        ((RunOutcome.SUCCEEDED, RunOutcome.CANCELLED), 2, False),
        ((RunOutcome.SUCCEEDED,), 2, False),
        ((RunOutcome.SUCCEEDED, None), 2, True),
        ((RunOutcome.SUCCEEDED,), None, True),
        ((), None, True),
    ],
)
def test_all_is_done_when_nothing_of_ours_is_left(
    outcomes: tuple[RunOutcome | None, ...], expected: int | None, all_done: bool
) -> None:
    assert summary_of(expected, *map(report, outcomes)).all_done is all_done


def test_table_tells_each_job_and_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    summary_of(
        4,
        report(RunOutcome.SUCCEEDED, files=(Path("out/inn/cv.md"), Path("out/inn/cv.pdf"))),
        report(RunOutcome.DEGRADED, ran=False, cost_usd=0.0, reason="no contacts", files=(Path("o/a.md"),)),
        report(RunOutcome.FAILED, layer="publish", reason="down\n\x1b[2J"),
        report(None, cost_usd=0.0),
    ).write()
    *table, total = capsys.readouterr().out.splitlines()
    assert table == [
        "outcome          cost USD  seconds  posting  files",
        "succeeded        0.250000     0.00  cook.md  out/inn: cv.md, cv.pdf",
        "degraded before  0.000000     0.00  cook.md  no contacts (kept o: a.md)",
        r"failed           0.250000     0.00  cook.md  publish: down\n\x1b[2J",
        "elsewhere        0.000000     0.00  cook.md",
        "",
    ]
    assert total == (
        "4 jobs: 1 succeeded, 1 degraded, 1 failed, 1 run by another process (1 of them before); 0.500000 USD"
    )


def test_line_is_written_when_a_job_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(Summary(10))
    lines.ended(report(RunOutcome.FAILED, duration_seconds=1.234))
    assert capsys.readouterr().out == "[ 1/10] failed  0.250000 USD  1.23 s  cook.md\n"
    lines = Lines(Summary(None))
    lines.ended(report(RunOutcome.SUCCEEDED))
    assert capsys.readouterr().out.startswith("[1/?] succeeded")
