"""The series that runs of jobs and layers are counted in."""

from __future__ import annotations

from pipeline import metrics
from pipeline.meter import Meter
from pipeline.metrics import RunOutcome
from pipeline.series import Counter, Gauge, Histogram


class JobSeries:
    """The series of whole jobs, looked up once."""

    def __init__(self, meter: Meter) -> None:
        self.outcomes: dict[RunOutcome, Counter] = {
            outcome: meter.counter(metrics.PIPELINE_JOBS, outcome.value) for outcome in RunOutcome
        }
        self.duration: Histogram = meter.histogram(metrics.PIPELINE_JOB_DURATION)
        self.cost: Histogram = meter.histogram(metrics.PIPELINE_JOB_COST)
        self.in_progress: Gauge = meter.gauge(metrics.PIPELINE_JOBS_IN_PROGRESS)
        self.last_progress: Gauge = meter.gauge(metrics.PIPELINE_LAST_PROGRESS)


class LayerRunSeries:
    """The series of one layer, looked up once."""

    def __init__(self, meter: Meter, layer: str) -> None:
        self.outcomes: dict[RunOutcome, Counter] = {
            outcome: meter.counter(metrics.PIPELINE_LAYER_RUNS, layer, outcome.value)
            for outcome in RunOutcome
        }
        self.duration: Histogram = meter.histogram(metrics.PIPELINE_LAYER_DURATION, layer)
        self.in_progress: Gauge = meter.gauge(metrics.PIPELINE_LAYER_JOBS_IN_PROGRESS, layer)
        self.wasted: Counter = meter.counter(metrics.PIPELINE_WASTED_COST, layer)

    def ended(self, outcome: RunOutcome, duration_seconds: float) -> None:
        """Count one run of the layer that was in progress."""
        self.in_progress.dec()
        self.outcomes[outcome].inc()
        self.duration.observe(duration_seconds)
