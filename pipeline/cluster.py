"""Runs jobs on the workers of a Dask cluster.

Each worker process has a runner of its own, opened from that process' environment: keys, budget and spool
are the worker's, and no secret travels. Postings go out, reports come back; journals and results are in the
output directory, which all machines have to share.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from distributed import CancelledError, Client, Future, KilledWorker, Worker, WorkerPlugin, get_worker
from distributed.client import ClosedClientError

from pipeline.jobs import Job, JobList, JobReport, JobSource, SourceError, UsageError, printable
from pipeline.meter import Meter
from pipeline.metrics import RunOutcome
from pipeline.run_setup import open_runner
from pipeline.runner import Runner, Watch
from pipeline.settings import Settings, SettingsError
from pipeline.spool import SpoolError

_CONNECT_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.2
_CONNECTED: Final = "running"
_GONE: Final = "the scheduler is gone"


class Cluster:
    """As a runner, elsewhere: takes jobs while the cluster has room, and tells how they ended."""

    def __init__(self, client: Client, plugin: str, *, concurrency: int) -> None:
        self._client = client
        self._plugin = plugin
        self._concurrency = concurrency
        self._is_gone = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, address: str, output: Path, *, concurrency: int, again: bool
    ) -> AsyncIterator[Cluster]:
        """Connect, and open a runner on every worker that there is or will be. `output` is absolute.

        Raises:
            UsageError: no scheduler answers there, or a worker's environment lacks what jobs need.
            SourceError: the scheduler goes away meanwhile.
        """
        client = Client(  # type: ignore[no-untyped-call]
            address, asynchronous=True, timeout=_CONNECT_SECONDS, set_as_default=False
        )
        try:
            await _connect(client, address)
            plugin = PipelineOnWorker(output, again=again)
            await _prepare_workers(client, plugin)
            cluster = cls(client, plugin.name, concurrency=concurrency)
            looking = asyncio.create_task(cluster._look_after_scheduler())
            try:
                yield cluster
            finally:
                looking.cancel()
        finally:
            # A client that has no connection any more may wait for one.
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await client.close()  # type: ignore[no-untyped-call]

    async def run(self, source: JobSource, watch: Watch) -> None:
        """As `Runner.run`.

        Raises:
            SourceError: no more jobs can be had, or the scheduler is gone; those that were taken have ended.
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
            if self._is_gone.is_set():
                failures.append(_gone())
                return
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
        key = f"job-{job.id}-{secrets.token_hex(4)}"
        try:
            future = self._client.submit(run_on_this_worker, job, self._plugin, pure=False, key=key)
            return await self._result(future)
        except KilledWorker:
            return job, _lost(job, "the workers that ran it have died")
        except (CancelledError, ClosedClientError):
            # Only a lost connection cancels a job that we have not cancelled.
            self._lose_scheduler()
            return job, _lost(job, _GONE)
        except Exception as error:  # noqa: BLE001  (whatever kept a worker from running it)
            return job, _lost(job, f"the worker could not run it ({type(error).__name__})")

    async def _result(self, future: Future[Any]) -> tuple[Job, JobReport]:
        """Raises CancelledError of distributed when the scheduler goes away: a result would never come."""
        result: asyncio.Future[tuple[Job, JobReport]] = asyncio.ensure_future(future)
        gone = asyncio.create_task(self._is_gone.wait())
        either: set[asyncio.Future[Any]] = {result, gone}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if result.done():
                return result.result()
            raise CancelledError
        except asyncio.CancelledError:
            with contextlib.suppress(ClosedClientError):
                await self._client.cancel([future])  # type: ignore[no-untyped-call]
            raise
        finally:
            result.cancel()
            gone.cancel()

    async def _look_after_scheduler(self) -> None:
        while self._client.status == _CONNECTED:
            await asyncio.sleep(_LOOK_SECONDS)
        self._lose_scheduler()

    def _lose_scheduler(self) -> None:
        _silence_library()
        self._is_gone.set()


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

    async def setup(self, worker: Worker) -> None:
        """Raises what keeps this worker from running jobs."""
        self._opened = AsyncExitStack()
        settings = Settings.from_environment(os.environ)
        meter = Meter() if settings.spool is None else Meter.spooling(settings.spool)
        self._opened.callback(meter.close)
        try:
            self.runner = await self._opened.enter_async_context(
                # The cluster gives a worker as many jobs at a time as it has threads.
                open_runner(
                    settings, meter, self._output, concurrency=worker.state.nthreads, again=self._again
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


async def _connect(client: Client, address: str) -> None:
    try:
        async with asyncio.timeout(2 * _CONNECT_SECONDS):
            await client
    except Exception as error:  # noqa: BLE001  (whatever speaks there may speak anything)
        raise UsageError(
            f"--dask: {printable(address)} gives no connection ({type(error).__name__});"
            " start a scheduler there with 'dask scheduler', and name it like tcp://host:8786"
        ) from None


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
    except (OSError, CancelledError, ClosedClientError):
        raise _gone() from None


def _silence_library() -> None:
    """A client without a scheduler logs tracebacks until it is closed; what is wrong is told in one line."""
    for name in [*logging.root.manager.loggerDict]:
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _gone() -> SourceError:
    return SourceError(
        f"--dask: {_GONE}; start it, and run the command again: what is paid for is kept", for_good=True
    )


def _lost(job: Job, reason: str) -> JobReport:
    return JobReport(id=job.id, source=job.source, outcome=RunOutcome.FAILED, reason=reason)
