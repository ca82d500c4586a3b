"""Runs jobs on the workers of a Dask cluster.

Each worker process has a runner of its own, opened from that process' environment: keys, budget and spool
are the worker's, and no secret travels. Postings go out, reports come back; journals and results are in the
output directory, which all machines have to share.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from distributed import Client, KilledWorker, Worker, WorkerPlugin, get_worker

from pipeline.jobs import Job, JobList, JobReport, JobSource, SourceError, UsageError, printable
from pipeline.meter import Meter
from pipeline.metrics import RunOutcome
from pipeline.run_setup import open_runner
from pipeline.runner import Runner, Watch
from pipeline.settings import Settings, SettingsError
from pipeline.spool import SpoolError

_CONNECT_SECONDS: Final = 5.0
_MAX_JOBS_ON_A_WORKER: Final = 1_000
"""The cluster decides how many run at once on a worker, by its threads."""


class Cluster:
    """As a runner, elsewhere: takes jobs while the cluster has room, and tells how they ended."""

    def __init__(self, client: Client, plugin: str, *, concurrency: int) -> None:
        self._client = client
        self._plugin = plugin
        self._concurrency = concurrency

    @classmethod
    @asynccontextmanager
    async def open(
        cls, address: str, output: Path, *, concurrency: int, again: bool
    ) -> AsyncIterator[Cluster]:
        """Connect, and open a runner on every worker that there is or will be. `output` is absolute.

        Raises:
            UsageError: no scheduler answers there, or a worker's environment lacks what jobs need.
        """
        shown = printable(address)
        try:
            client = await Client(  # type: ignore[no-untyped-call]
                address, asynchronous=True, timeout=_CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise UsageError(
                f"--dask: {shown} gives no connection ({type(error).__name__});"
                " start a scheduler there with 'dask scheduler'"
            ) from None
        try:
            plugin = PipelineOnWorker(output, again=again)
            await _prepare_workers(client, plugin)
            yield cls(client, plugin.name, concurrency=concurrency)
        finally:
            await client.close()

    async def run(self, source: JobSource, watch: Watch) -> None:
        """As `Runner.run`.

        Raises:
            SourceError: no more jobs can be had; those that were taken have ended.
            asyncio.CancelledError: when cancelled; jobs that have begun may run to their end.
        """
        failures: list[SourceError] = []
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._run_one_after_another(source, watch, failures))
        if failures:
            raise failures[0]

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
            job, report = await self._run_job(job)
            watch.ended(report)
            await source.give_back(job, report)

    async def _run_job(self, job: Job) -> tuple[Job, JobReport]:
        # Not pure: the same posting may be asked for again.
        future = self._client.submit(
            run_on_this_worker, job, self._plugin, pure=False, key=f"job-{job.id}-{secrets.token_hex(4)}"
        )
        try:
            done: tuple[Job, JobReport] = await future
        except asyncio.CancelledError:
            await self._client.cancel([future])  # type: ignore[no-untyped-call]
            raise
        except KilledWorker:
            return job, _lost(job, "the workers that ran it have died")
        except Exception as error:  # noqa: BLE001  (whatever kept a worker from running it)
            return job, _lost(job, f"the worker could not run it ({type(error).__name__})")
        return done


class PipelineOnWorker(WorkerPlugin):
    """Opens the runner when the first command asks for it, or a worker starts later; closes it in the end.

    Commands that want the same share it: it is opened once.
    """

    idempotent = True

    def __init__(self, output: Path, *, again: bool) -> None:
        self.name = f"pipeline-{sha256(f'{again} {output}'.encode()).hexdigest()[:12]}"
        self._output = output
        self._again = again
        self.runner: Runner | None = None

    async def setup(self, worker: Worker) -> None:  # noqa: ARG002
        """Raises what keeps this worker from running jobs."""
        self._opened = AsyncExitStack()
        settings = Settings.from_environment(os.environ)
        meter = Meter() if settings.spool is None else Meter.spooling(settings.spool)
        self._opened.callback(meter.close)
        try:
            self.runner = await self._opened.enter_async_context(
                open_runner(
                    settings, meter, self._output, concurrency=_MAX_JOBS_ON_A_WORKER, again=self._again
                )
            )
        except BaseException:
            await self._opened.aclose()
            raise

    async def teardown(self, worker: Worker) -> None:  # noqa: ARG002
        self.runner = None
        await self._opened.aclose()


async def run_on_this_worker(job: Job, plugin: str) -> tuple[Job, JobReport]:
    """One job on the worker that this is called on. The job comes back with its results."""
    ours = get_worker().plugins[plugin]
    if not isinstance(ours, PipelineOnWorker) or ours.runner is None:
        raise RuntimeError("the worker is closing")
    reports = _Reports()
    await ours.runner.run_job(job, JobList(()), reports)
    job.answers = None
    return job, reports.last


class _Reports:
    last: JobReport

    def entered(self, job: Job, layer: str) -> None:
        """The worker's metrics show it."""

    def ended(self, report: JobReport) -> None:
        self.last = report


async def _prepare_workers(client: Client, plugin: PipelineOnWorker) -> None:
    try:
        try:
            await client.register_plugin(plugin)
        except BaseException:
            # Or else the next command would find it there and not open it again.
            await client.unregister_worker_plugin(plugin.name)  # type: ignore[no-untyped-call]
            raise
    except SettingsError as error:
        raise UsageError(f"--dask: a worker's environment: {'; '.join(error.problems)}") from None
    except SpoolError as error:
        raise UsageError(f"--dask: a worker's SIDECAR_SPOOL: {error.strerror}") from None
    except ModuleNotFoundError as error:
        raise UsageError(f"--dask: a worker lacks {error.name}; install the same there as here") from None


def _lost(job: Job, reason: str) -> JobReport:
    return JobReport(id=job.id, source=job.source, outcome=RunOutcome.FAILED, reason=reason)
