"""Runs jobs through the layers, so many at a time, and counts how they end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from pipeline import metrics
from pipeline.breaker import BreakerOpenError
from pipeline.context import JobAccount, running_job, running_layer
from pipeline.jobs import Job, JobError, printable
from pipeline.layers.layer import Layer, Workplace
from pipeline.meter import Meter
from pipeline.metrics import RunOutcome
from pipeline.providers import ProviderError
from pipeline.rejections import RejectedError
from pipeline.series import Counter, Gauge, Histogram

log = structlog.get_logger(__name__)

EXPECTED_ERRORS = (JobError, ProviderError, BreakerOpenError, RejectedError)
"""What ends a job without being a mistake of ours; the message is fit for a log line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """How one job ended. A job that did not succeed names the layer it ended in and a reason in one line."""

    id: str
    source: str
    outcome: RunOutcome
    cost_usd: float
    duration_seconds: float
    files: tuple[Path, ...]
    layer: str | None = None
    reason: str | None = None


class Runner:
    """Takes jobs through `layers` in order. One job's failure is that job's alone."""

    def __init__(
        self,
        layers: Sequence[Layer],
        workplace: Workplace,
        meter: Meter,
        *,
        concurrency: int,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Every series that the jobs can touch exists from now on.

        Raises:
            ValueError: concurrency below 1.
            KeyError: a layer names a dependency that no provider has.
        """
        if concurrency < 1:
            raise ValueError(f"concurrency: {concurrency} must be at least 1")
        self._layers = tuple(layers)
        self._workplace = workplace
        self._concurrency = concurrency
        self._clock = clock
        self._wall_clock = wall_clock
        self._series = _JobSeries(meter)
        self._layer_series = {layer.name: _LayerSeries(meter, layer.name) for layer in self._layers}
        dependencies = workplace.providers.dependencies
        for layer in self._layers:
            for name in layer.dependencies:
                dependencies[name].declare(layer.name)

    async def run(self, jobs: Iterable[Job], *, on_end: Callable[[JobReport], None]) -> None:
        """Run them all; each is taken from `jobs` only when its turn comes.

        `on_end` is told of every job that was started, cancelled ones included.

        Raises:
            asyncio.CancelledError: when cancelled, after every started job has ended as cancelled.
        """
        todo = iter(jobs)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                job = next(todo, None)
                if job is None:
                    break
                group.create_task(self._run_one_after_another(job, todo, on_end))

    async def _run_one_after_another(
        self, job: Job | None, todo: Iterator[Job], on_end: Callable[[JobReport], None]
    ) -> None:
        while job is not None:
            await self._run_job(job, on_end)
            job = next(todo, None)

    async def _run_job(self, job: Job, on_end: Callable[[JobReport], None]) -> None:
        """Run one job; raises nothing but what cancels it."""
        layer_name: str | None = None
        reason: str | None = None
        outcome = RunOutcome.SUCCEEDED
        started = self._clock()
        log.info("job.started", job=job.id, source=printable(job.source))
        self._series.in_progress.inc()
        with running_job() as account:
            try:
                for layer in self._layers:
                    layer_name = layer.name
                    await self._run_layer(layer, job)
                layer_name = None
                if job.degradations:
                    outcome, reason = RunOutcome.DEGRADED, "; ".join(job.degradations)
            except EXPECTED_ERRORS as error:
                outcome, reason = RunOutcome.FAILED, str(error)
            except Exception as error:
                outcome, reason = RunOutcome.FAILED, f"unexpected {type(error).__name__}"
                log.exception("job.crashed", job=job.id, layer=layer_name)
            except BaseException:
                outcome, reason = RunOutcome.CANCELLED, "cancelled"
                raise
            finally:
                report = JobReport(
                    id=job.id,
                    source=job.source,
                    outcome=outcome,
                    cost_usd=account.spent_usd,
                    duration_seconds=self._clock() - started,
                    files=tuple(job.files),
                    layer=layer_name,
                    reason=reason,
                )
                self._count(report, account)
                _log_end(report)
                on_end(report)

    async def _run_layer(self, layer: Layer, job: Job) -> None:
        series = self._layer_series[layer.name]
        with running_layer(layer.name), series.counting(self._clock, job):
            job.results[layer.name] = await layer.run(job, self._workplace)
        self._series.last_progress.set(self._wall_clock())

    def _count(self, report: JobReport, account: JobAccount) -> None:
        self._series.in_progress.dec()
        self._series.outcomes[report.outcome].inc()
        self._series.duration.observe(report.duration_seconds)
        self._series.cost.observe(report.cost_usd)
        if report.outcome is RunOutcome.FAILED:
            for layer, spent_usd in account.spent_usd_by_layer.items():
                self._layer_series[layer].wasted.inc(spent_usd)


class _JobSeries:
    """The series of whole jobs, looked up once."""

    def __init__(self, meter: Meter) -> None:
        self.outcomes: dict[RunOutcome, Counter] = {
            outcome: meter.counter(metrics.PIPELINE_JOBS, outcome.value) for outcome in RunOutcome
        }
        self.duration: Histogram = meter.histogram(metrics.PIPELINE_JOB_DURATION)
        self.cost: Histogram = meter.histogram(metrics.PIPELINE_JOB_COST)
        self.in_progress: Gauge = meter.gauge(metrics.PIPELINE_JOBS_IN_PROGRESS)
        self.last_progress: Gauge = meter.gauge(metrics.PIPELINE_LAST_PROGRESS)


class _LayerSeries:
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


def _log_end(report: JobReport) -> None:
    fields = {
        "job": report.id,
        "source": printable(report.source),
        "cost_usd": round(report.cost_usd, 6),
        "duration_seconds": round(report.duration_seconds, 3),
    }
    match report.outcome:
        case RunOutcome.SUCCEEDED:
            log.info("job.succeeded", **fields, files=len(report.files))
        case RunOutcome.DEGRADED:
            log.warning("job.degraded", **fields, files=len(report.files), reason=report.reason)
        case RunOutcome.FAILED:
            log.warning("job.failed", **fields, layer=report.layer, reason=report.reason)
        case RunOutcome.CANCELLED:
            log.info("job.cancelled", **fields, layer=report.layer)
