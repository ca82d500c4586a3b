"""What one round of jobs came to, as a table for standard output."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.jobs import printable
from pipeline.metrics import DONE, RunOutcome
from pipeline.progress.output import tell

if TYPE_CHECKING:
    from pipeline.jobs import JobReport


class Summary:
    """Collects the reports; `expected` is None where nobody knows how many there will be."""

    def __init__(self, expected: int | None) -> None:
        self.expected = expected
        self.reports: list[JobReport] = []

    def add(self, report: JobReport) -> None:
        self.reports.append(report)

    @property
    def all_done(self) -> bool:
        """Whether no job is left undone; those of other processes are theirs to tell of."""
        return self._not_started == 0 and all(
            report.outcome is None or report.outcome in DONE for report in self.reports
        )

    @property
    def cost_usd(self) -> float:
        return sum(report.cost_usd for report in self.reports)

    def counts(self) -> Counter[RunOutcome | None]:
        """Jobs by how they ended; None: another process is running them."""
        return Counter(report.outcome for report in self.reports)

    def write(self) -> None:
        rows = [("outcome", "cost USD", "seconds", "posting", "files")]
        rows += [
            (
                outcome_of(report),
                f"{report.cost_usd:.6f}",
                f"{report.duration_seconds:.2f}",
                posting_of(report),
                _result_of(report),
            )
            for report in self.reports
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"{outcome:<{widths[0]}}  {cost:>{widths[1]}}  {seconds:>{widths[2]}}"
            f"  {posting:<{widths[3]}}  {result}".rstrip()
            for outcome, cost, seconds, posting, result in rows
        ]
        tell("\n".join([*lines, "", self._total(), ""]))

    @property
    def _not_started(self) -> int:
        return 0 if self.expected is None else max(self.expected - len(self.reports), 0)

    def _total(self) -> str:
        counts = self.counts()
        parts = [f"{counts[outcome]} {outcome.value}" for outcome in RunOutcome if counts[outcome]]
        if counts[None]:
            parts.append(f"{counts[None]} run by another process")
        if self._not_started:
            parts.append(f"{self._not_started} not started")
        earlier = sum(not report.ran and report.outcome is not None for report in self.reports)
        done_before = f" ({earlier} of them before)" if earlier else ""
        jobs = len(self.reports) if self.expected is None else self.expected
        noun = "job" if jobs == 1 else "jobs"
        total = f"{jobs} {noun}: {', '.join(parts) or 'none'}{done_before}; {self.cost_usd:.6f} USD"
        unfinished = sum(report.can_be_made_good for report in self.reports)
        return f"{total}\nrun again: {unfinished} of the degraded can be made good" if unfinished else total


def outcome_of(report: JobReport) -> str:
    """One word or two: how the job ended, and whether that was before this run."""
    if report.outcome is None:
        return "elsewhere"
    return report.outcome.value if report.ran else f"{report.outcome.value} before"


def posting_of(report: JobReport) -> str:
    """The last part of where it came from, fit for a terminal."""
    return printable(report.source.rpartition("/")[2] or report.source)


def _result_of(report: JobReport) -> str:
    names = ", ".join(file.name for file in report.files)
    kept = f"{printable(_from_here(report.files[0].parent))}: {names}" if report.files else ""
    if report.reason is None:
        return kept
    why = printable(f"{report.layer}: {report.reason}" if report.layer else report.reason)
    return f"{why} (kept {kept})" if kept else why


def _from_here(directory: Path) -> Path:
    """As short as it can be said in the working directory."""
    try:
        return directory.relative_to(Path.cwd())
    except (OSError, ValueError):
        return directory
