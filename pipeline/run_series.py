"""The series that runs of jobs and layers are counted in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline import metrics
from pipeline.jobs.job import Job
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

    @contextmanager
    def counting(self, clock: Callable[[], float], job: Job) -> Iterator[None]:
        """Count one run of the layer, however it ends."""
        outcome = RunOutcome.SUCCEEDED
        degradations = len(job.degradations)
        started = clock()
        self.in_progress.inc()
        try:
            yield
            if len(job.degradations) > degradations:
                outcome = RunOutcome.DEGRADED
        except Exception:
            outcome = RunOutcome.FAILED
            raise
        except BaseException:
            outcome = RunOutcome.CANCELLED
            raise
        finally:
            self.in_progress.dec()
            self.outcomes[outcome].inc()
            self.duration.observe(clock() - started)
