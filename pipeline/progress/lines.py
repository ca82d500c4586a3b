"""Progress as plain lines: one for each job that has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.progress.output import tell
from pipeline.progress.summary import Summary, outcome_of, posting_of

if TYPE_CHECKING:
    from pipeline.jobs import Job, JobReport


class Lines:
    """Writes to standard output as soon as a job has ended, so that a log can be followed."""

    def __init__(self, summary: Summary) -> None:
        self._summary = summary

    def entered(self, job: Job, layer: str) -> None:
        """Not told: a line for each layer of each job is what the log is for."""

    def ended(self, report: JobReport) -> None:
        self._summary.add(report)
        expected = "?" if self._summary.expected is None else str(self._summary.expected)
        tell(
            f"[{len(self._summary.reports):>{len(expected)}}/{expected}] {outcome_of(report)}"
            f"  {report.cost_usd:.6f} USD  {report.duration_seconds:.2f} s  {posting_of(report)}\n"
        )
