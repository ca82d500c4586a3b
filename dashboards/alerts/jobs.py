"""Jobs and layers."""

from __future__ import annotations

from typing import Final

from dashboards.queries import EVERYWHERE, share, total
from dashboards.rules import Alert, Group, Recording, Severity
from pipeline.metrics import (
    PIPELINE_JOBS,
    PIPELINE_JOBS_IN_PROGRESS,
    PIPELINE_LAST_PROGRESS,
    PIPELINE_LAYER_RUNS,
    RunOutcome,
)
from sidecar.metrics import SIDECAR_SPOOL_WORKERS

MIN_LAYER_RUNS: Final = 5
"""With fewer runs in five minutes a ratio says nothing."""
MIN_FAILURES_IN_DAY: Final = 2
"""Once is chance, also where there are few jobs a day."""

_RUNS = total(EVERYWHERE.increase(PIPELINE_LAYER_RUNS, "5m"), "layer")
_FAILED = total(EVERYWHERE.increase(PIPELINE_LAYER_RUNS, "5m", outcome=RunOutcome.FAILED), "layer")
_FAILURE_RATIO = Recording("layer:pipeline_layer_failures:ratio_increase5m", share(_FAILED, _RUNS))
_RUNS_IN_DAY = total(EVERYWHERE.increase(PIPELINE_LAYER_RUNS, "1d"), "layer")
_FAILED_IN_DAY = total(EVERYWHERE.increase(PIPELINE_LAYER_RUNS, "1d", outcome=RunOutcome.FAILED), "layer")
# Not aggregated: of machines that are told apart by a label of their own, each is judged by itself.
_SINCE_PROGRESS = f"time() - {EVERYWHERE.series(PIPELINE_LAST_PROGRESS)}"
_RUNNING = EVERYWHERE.series(PIPELINE_JOBS_IN_PROGRESS)
# Without the outcome, and with all that tells one machine from another.
_ENDED = f"sum without (outcome) ({EVERYWHERE.series(PIPELINE_JOBS)})"
# Jobs that were begun, as seen while a worker lived: a job that ends is still in it, one that is lost is not.
# The least within two minutes: a job that ends during a scrape may be counted as running and as ended.
_BEGUN = f"max_over_time((min_over_time(({_ENDED} + {_RUNNING})[2m:15s]) and {_RUNNING})[3h:1m])"
_NO_NEW_SPOOL = f"sum without (outcome) (resets({EVERYWHERE.series(PIPELINE_JOBS)}[3h])) == 0"

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
        # For who runs few jobs: all may fail without five of them in five minutes.
        Alert(
            name="LayerFailsMostRuns",
            expression=(
                f"{share(_FAILED_IN_DAY, _RUNS_IN_DAY)} > 0.5 "
                f"and on (layer) {_FAILED_IN_DAY} >= {MIN_FAILURES_IN_DAY}"
            ),
            hold_seconds=300,
            severity=Severity.WARNING,
            summary="The layer {{ $labels.layer }} fails more often than not",
            description=(
                "{{ $value | humanizePercentage }} of the runs of {{ $labels.layer }} in the last day failed."
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
        # Where a batch simply ended, as many jobs ended as were begun.
        Alert(
            name="WorkersGone",
            expression=(
                f"{_BEGUN} - {_ENDED} > 0 and {EVERYWHERE.series(SIDECAR_SPOOL_WORKERS)} == 0 "
                f"and {_NO_NEW_SPOOL}"
            ),
            hold_seconds=900,
            severity=Severity.WARNING,
            summary="No worker lives beside {{ $labels.instance }}, and jobs died with the last",
            description=(
                "{{ $value }} jobs were in progress and never ended, and for fifteen minutes no worker "
                "has been there to go on with them."
            ),
        ),
    ),
)
