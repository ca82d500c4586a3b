"""Runs jobs through the layers, so many at a time, keeps what they give, and counts how they end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

import structlog
from structlog.contextvars import bound_contextvars
from structlog.typing import FilteringBoundLogger

from pipeline.context import JobAccount, running_job, running_layer
from pipeline.jobs.files import printable
from pipeline.jobs.job import Job, JobError
from pipeline.jobs.journal import Journal
from pipeline.jobs.journal_file import JobTakenError
from pipeline.jobs.journals import Journals
from pipeline.jobs.report import JobReport
from pipeline.jobs.source import JobSource, SourceError
from pipeline.layers.layer import Layer, Workplace
from pipeline.meter import Meter
from pipeline.metrics import DONE, RunOutcome
from pipeline.providers import ProviderError
from pipeline.rejections import RejectedError
from pipeline.run_series import JobSeries, LayerRunSeries

log: FilteringBoundLogger = structlog.get_logger(__name__)

EXPECTED_ERRORS = (JobError, ProviderError, RejectedError)
"""What ends a job without being a mistake of ours; the message is fit for a log line."""


class Watch(Protocol):
    """Whoever wants to see how the jobs get on; told in the loop, so it returns at once."""

    def entered(self, job: Job, layer: str) -> None:
        """This layer begins."""

    def ended(self, report: JobReport) -> None:
        """The job has ended, or was not run."""


class Runner:
    """Takes jobs through `layers` in order. One job's failure is that job's alone."""

    def __init__(
        self,
        layers: Sequence[Layer],
        workplace: Workplace,
        meter: Meter,
        *,
        concurrency: int,
        journals: Journals | None = None,
        reserve: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Every series that the jobs can touch exists from now on. Without `journals` nothing is kept.

        `reserve` holds what a whole job may cost; it raises a RejectedError where that is not left.

        Raises:
            ValueError: concurrency below 1.
        """
        if concurrency < 1:
            raise ValueError(f"concurrency: {concurrency} must be at least 1")
        self._layers = tuple(layers)
        self._workplace = workplace
        self._cv = workplace.candidate.digest()
        self._concurrency = concurrency
        self._journals = Journals(None) if journals is None else journals
        self._reserve = reserve
        self._clock = clock
        self._wall_clock = wall_clock
        self._log = log.bind()  # once: each event would do it anew
        self._series = JobSeries(meter)
        self._layer_series = {layer.name: LayerRunSeries(meter, layer.name) for layer in self._layers}
        dependencies = workplace.providers.dependencies
        for layer in self._layers:
            for name in layer.dependencies:
                if name in dependencies:  # the others are not set up, and will not be called
                    dependencies[name].declare(layer.name)

    async def run(self, source: JobSource, watch: Watch) -> None:
        """Run them all; each is taken only when its turn comes.

        Raises:
            SourceError: no more jobs can be had; those that were taken have ended.
            asyncio.CancelledError: when cancelled, after every started job has ended as cancelled.
        """
        failures: list[SourceError] = []
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._run_one_after_another(source, watch, failures))
        if failures:
            raise failures[0]

    async def run_job(self, job: Job, source: JobSource, watch: Watch) -> None:
        """Run one job, unless it is done or another process is running it.

        Raises:
            asyncio.CancelledError: when cancelled, after the job has ended so.
        """
        with bound_contextvars(job=job.id):
            try:
                journal = self._open_journal(job)
            except JobTakenError:
                await _tell(job, _not_run(job, None), source, watch)
                return
            except JobError as error:
                await self._refuse(job, str(error), source, watch)
                return
            try:
                if journal.outcome in DONE and len(job.results) == len(self._layers):
                    await _tell(job, _not_run(job, journal.outcome), source, watch)
                else:
                    await self._run_layers(job, journal, source, watch)
            finally:
                journal.close()

    def _open_journal(self, job: Job) -> Journal:
        """The job has the results that are in there, or raises as `Journals.open` and `Journal.restore`."""
        journal = self._journals.open(job.id)
        try:
            journal.restore(job, self._layers, cv=self._cv)
        except BaseException:
            journal.close()
            raise
        return journal

    async def _run_one_after_another(
        self, source: JobSource, watch: Watch, failures: list[SourceError]
    ) -> None:
        while not failures:
            try:
                job = await source.take()
            except SourceError as error:
                failures.append(error)
                return
            if job is None:
                return
            await self.run_job(job, source, watch)
            # A row of jobs that are done already must not keep a signal waiting.
            await asyncio.sleep(0)

    async def _run_layers(self, job: Job, journal: Journal, source: JobSource, watch: Watch) -> None:
        """Run the layers that have no result yet; raises nothing but what cancels the job."""
        layer_name: str | None = None
        reason: str | None = None
        outcome = RunOutcome.SUCCEEDED
        started = self._clock()
        self._log.info("job.started", job=job.id, source=_name(job.source))
        self._series.in_progress.inc()
        with running_job(JobAccount(journal.spent_usd_by_layer)) as account:
            journal.spent_usd_by_layer = account.spent_usd_by_layer
            try:
                async with self._reserve():
                    for layer in self._layers[len(job.results) :]:
                        layer_name = layer.name
                        watch.entered(job, layer_name)
                        await self._run_layer(layer, job, journal)
                        await source.keep(job, layer_name)
                layer_name = None
                if job.degradations:
                    outcome, reason = RunOutcome.DEGRADED, "; ".join(job.degradations)
            except EXPECTED_ERRORS as error:
                outcome, reason = RunOutcome.FAILED, str(error)
                if isinstance(error, JobError):
                    journal.forget_answers()
            except Exception as error:
                outcome, reason = RunOutcome.FAILED, f"unexpected {type(error).__name__}"
                journal.forget_answers()
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
                    can_be_made_good=outcome is RunOutcome.DEGRADED
                    and any(note.can_be_made_good for note in job.notes.values()),
                )
                # First this: killed in between, a job is not counted, but never counted twice.
                journal.ended(outcome)
                self._series.in_progress.dec()
                self._count(report, outcome, account)
                _log_end(self._log, report)
                await _tell(job, report, source, watch)

    async def _run_layer(self, layer: Layer, job: Job, journal: Journal) -> None:
        series = self._layer_series[layer.name]
        files, degradations = len(job.files), len(job.degradations)
        outcome = RunOutcome.SUCCEEDED
        started = self._clock()
        series.in_progress.inc()
        try:
            with running_layer(layer.name):
                job.results[layer.name] = await layer.run(job, self._workplace)
            note = job.notes[layer.name] = job.note(
                files=files, degradations=degradations, cv=self._cv if layer.reads_cv else None
            )
            journal.layer_done(layer.name, job)
            if note.degradations:
                outcome = RunOutcome.DEGRADED
        except Exception:
            outcome = RunOutcome.FAILED
            raise
        except BaseException:
            outcome = RunOutcome.CANCELLED
            raise
        finally:
            series.ended(outcome, self._clock() - started)
        self._series.last_progress.set(self._wall_clock())

    async def _refuse(self, job: Job, reason: str, source: JobSource, watch: Watch) -> None:
        report = JobReport(id=job.id, source=job.source, outcome=RunOutcome.FAILED, reason=reason)
        self._count(report, RunOutcome.FAILED, JobAccount())
        _log_end(self._log, report)
        await _tell(job, report, source, watch)

    def _count(self, report: JobReport, outcome: RunOutcome, account: JobAccount) -> None:
        self._series.outcomes[outcome].inc()
        self._series.duration.observe(report.duration_seconds)
        self._series.cost.observe(report.cost_usd)
        if outcome is RunOutcome.FAILED:
            for layer, series in self._layer_series.items():
                series.wasted.inc(account.spent_usd_by_layer.get(layer, 0.0))


def _not_run(job: Job, outcome: RunOutcome | None) -> JobReport:
    reason = "; ".join(job.degradations) if outcome is not None else "another process is running it"
    return JobReport(
        id=job.id,
        source=job.source,
        outcome=outcome,
        ran=False,
        files=tuple(job.files),
        reason=reason or None,
    )


async def _tell(job: Job, report: JobReport, source: JobSource, watch: Watch) -> None:
    watch.ended(report)
    await source.give_back(job, report)


def _name(source: str) -> str:
    """The last part of a path, fit for a log."""
    return printable(source.rpartition("/")[2] or source)


def _log_end(log: FilteringBoundLogger, report: JobReport) -> None:
    fields = {
        "job": report.id,
        "source": _name(report.source),
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
