"""Jobs and layers."""

from __future__ import annotations

from typing import Final

from dashboards.queries import EVERYWHERE, share, total
from dashboards.rules import Alert, Group, Recording, Severity
from pipeline.metrics import (
    PIPELINE_JOBS_IN_PROGRESS,
    PIPELINE_LAST_PROGRESS,
    PIPELINE_LAYER_RUNS,
    RunOutcome,
)

MIN_LAYER_RUNS: Final = 5
"""With fewer runs in five minutes a ratio says nothing."""

_RUNS = total(EVERYWHERE.increase(PIPELINE_LAYER_RUNS, "5m"), "layer")
_FAILED = total(EVERYWHERE.increase(PIPELINE_LAYER_RUNS, "5m", outcome=RunOutcome.FAILED), "layer")
_FAILURE_RATIO = Recording("layer:pipeline_layer_failures:ratio_increase5m", share(_FAILED, _RUNS))
# Not aggregated: of machines that are told apart by a label of their own, each is judged by itself.
_SINCE_PROGRESS = f"time() - {EVERYWHERE.series(PIPELINE_LAST_PROGRESS)}"
_RUNNING = EVERYWHERE.series(PIPELINE_JOBS_IN_PROGRESS)

JOBS: Final = Group(
    "pipeline-jobs",
    recordings=(_FAILURE_RATIO,),
    alerts=(
        # Shorter than the window of the ratio: a batch that fails at once is in it for five minutes only.
        Alert(
            name="LayerFailureRatioHigh",
            expression=f"{_FAILURE_RATIO.name} > 0.1 and on (layer) {_RUNS} >= {MIN_LAYER_RUNS}",
            hold_seconds=120,
            severity=Severity.WARNING,
            summary="The layer {{ $labels.layer }} fails often",
            description=(
                "{{ $value | humanizePercentage }} of the runs of {{ $labels.layer }} in five minutes failed."
            ),
        ),
        # Progress within the last three minutes starts the clock anew, so that no scrape misses it; so does
        # a job that begins after a quiet night. It fires after thirty minutes without any, up to three later.
        Alert(
            name="JobStuck",
            expression=f"{_SINCE_PROGRESS} > 180 and {_RUNNING} > 0",
            hold_seconds=1800,
            severity=Severity.WARNING,
            summary="Jobs beside {{ $labels.instance }} run and get nowhere",
            # Without the time: where no layer ever ended, it is that since 1970.
            description="Jobs are in progress, but no layer has ended for thirty minutes.",
        ),
    ),
)
