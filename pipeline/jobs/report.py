"""How a job ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.metrics import RunOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """What became of one job.

    Attributes:
        outcome: How it ended; None: another process is running it.
        ran: Whether this is about a run of now; False where it was done before, and nothing was counted.
        cost_usd: What it has spent and no report has told before.
        layer: Where a job that failed or was cancelled ended.
        reason: Why it did not succeed, in one line.
        can_be_made_good: Whether the next run takes it up again, though it is done.
    """

    id: str
    source: str
    outcome: RunOutcome | None
    ran: bool = True
    cost_usd: float = 0.0
    duration_seconds: float = 0.0
    files: tuple[Path, ...] = ()
    layer: str | None = None
    reason: str | None = None
    can_be_made_good: bool = False
