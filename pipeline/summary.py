"""What one round of jobs came to, for standard output."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.jobs import printable
from pipeline.metrics import DONE, RunOutcome

if TYPE_CHECKING:
    from pipeline.runner import JobReport


class Summary:
    """What one round of jobs came to, for standard output."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._reports: list[JobReport] = []

    def add(self, report: JobReport) -> None:
        self._reports.append(report)

    @property
    def all_done(self) -> bool:
        done = [report for report in self._reports if report.outcome in DONE]
        return len(done) == self._expected

    def write(self) -> None:
        rows = [("outcome", "cost USD", "seconds", "posting", "files")]
        rows += [
            (
                report.outcome.value,
                f"{report.cost_usd:.6f}",
                f"{report.duration_seconds:.2f}",
                printable(Path(report.source).name),
                _result_of(report),
            )
            for report in self._reports
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"{outcome:<{widths[0]}}  {cost:>{widths[1]}}  {seconds:>{widths[2]}}"
            f"  {posting:<{widths[3]}}  {result}"
            for outcome, cost, seconds, posting, result in rows
        ]
        sys.stdout.write("\n".join([*lines, "", self._total(), ""]))
        sys.stdout.flush()

    def _total(self) -> str:
        counts = Counter(report.outcome for report in self._reports)
        parts = [f"{counts[outcome]} {outcome.value}" for outcome in RunOutcome if counts[outcome]]
        if self._expected > len(self._reports):
            parts.append(f"{self._expected - len(self._reports)} not started")
        cost_usd = sum(report.cost_usd for report in self._reports)
        return f"{self._expected} jobs: {', '.join(parts)}; {cost_usd:.6f} USD"


def _result_of(report: JobReport) -> str:
    names = ", ".join(file.name for file in report.files)
    kept = f"{printable(report.files[0].parent)}: {names}" if report.files else ""
    if report.reason is None:
        return kept
    why = printable(f"{report.layer}: {report.reason}" if report.layer else report.reason)
    return f"{why} (kept {kept})" if kept else why
