"""One `pipeline run`, from the start of the loop to the exit status."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.garbage import collect_seldom
from pipeline.jobs import JobList, SourceError, UsageError, find_sources, read_job
from pipeline.jobs.files import STANDARD_INPUT, read_standard_input
from pipeline.progress import Summary, progress

if TYPE_CHECKING:
    from pipeline.cluster import Cluster
    from pipeline.jobs import JobSource
    from pipeline.jobs.collection import PostingCollection
    from pipeline.jobs.posting_record import RunCv
    from pipeline.meter import Meter
    from pipeline.runner import Runner
    from pipeline.settings import Settings

log = logging.getLogger(__name__)

_SOME_FAILED: Final = 1
_KILLED_BY: Final = 128
# A resolver's thread or a full disk can hold the interpreter up; whoever asked us to stop will not wait.
_STOP_WITHIN_SECONDS: Final = 2.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line says, checked.

    Attributes:
        output: Absolute: results are told by where they are.
        collection: Where jobs come from; None: from `paths`.
        again: Run jobs anew that are done.
        every_seconds: The pause after which all begins again; None: once is enough.
        dask_address: The cluster's scheduler; None: the jobs run in this process.
    """

    paths: tuple[Path, ...]
    collection: str | None
    output: Path
    concurrency: int
    again: bool
    every_seconds: float | None
    dask_address: str | None


class Execution:
    """Runs rounds of jobs until they are done or a signal comes."""

    def __init__(self, options: RunOptions, settings: Settings, meter: Meter) -> None:
        self._options = options
        self._settings = settings
        self._meter = meter
        self._stopped_by: int | None = None
        self._watchdog: threading.Timer | None = None
        self._cv: RunCv | None = None
        self._is_over = False

    def run(self) -> int:
        """Returns the exit status."""
        try:
            return asyncio.run(self._run_until_stopped())
        finally:
            if self._watchdog is not None:
                self._watchdog.cancel()

    async def _run_until_stopped(self) -> int:
        rounds = asyncio.create_task(self._rounds())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, rounds, number)
        try:
            return await rounds
        except SourceError as error:
            _complain(error)
            return _SOME_FAILED
        except asyncio.CancelledError:
            if self._stopped_by is None:
                raise
            return _KILLED_BY + self._stopped_by

    def _stop(self, rounds: asyncio.Task[int], number: int) -> None:
        if self._stopped_by is not None:
            return
        self._stopped_by = number
        self._watchdog = threading.Timer(_STOP_WITHIN_SECONDS, os._exit, (_KILLED_BY + number,))
        self._watchdog.daemon = True
        self._watchdog.start()
        rounds.cancel()

    async def _rounds(self) -> int:
        """Run the jobs once, or again and again; the providers and what they have learnt stay."""
        async with self._open_runner() as runner:
            collect_seldom()
            self._cv = self._starting_cv()
            while True:
                succeeded = await self._round(runner)
                if self._options.every_seconds is None or self._is_over:
                    return 0 if succeeded else _SOME_FAILED
                await asyncio.sleep(self._options.every_seconds)

    async def _round(self, runner: Runner | Cluster) -> bool:
        """Whether every job is done."""
        async with self._open_source() as source:
            summary = Summary(source.expected)
            try:
                with progress(summary, self._meter) as watch:
                    await runner.run(source, watch)
            except SourceError as error:
                _complain(error)
                self._is_over = error.for_good
                return False
            finally:
                summary.write()
        # Later rounds leave alone what another candidate's run does meanwhile, or both would go on for ever.
        self._cv = None
        return summary.all_done

    def _open_runner(self) -> AbstractAsyncContextManager[Runner | Cluster]:
        options = self._options
        if options.dask_address is not None:
            from pipeline.cluster import Cluster

            return Cluster.open(
                options.dask_address,
                options.output,
                concurrency=options.concurrency,
                again=options.again,
            )
        from pipeline.run_setup import open_runner

        return open_runner(
            self._settings, self._meter, options.output, concurrency=options.concurrency, again=options.again
        )

    @asynccontextmanager
    async def _open_source(self) -> AsyncIterator[JobSource]:
        if self._options.collection is not None:
            async with self._open_collection(self._options.collection) as collection:
                yield collection
            return
        jobs = []
        if STANDARD_INPUT in self._options.paths:
            # In a thread: a signal has to be heard while nobody types.
            jobs = [await asyncio.to_thread(read_standard_input, sys.stdin.buffer)]
        sources = self._find_sources()
        yield JobList(chain(jobs, map(read_job, sources)), len(jobs) + len(sources))

    def _find_sources(self) -> list[Path]:
        paths = [path for path in self._options.paths if path != STANDARD_INPUT]
        if self._options.every_seconds is None:
            return find_sources(paths)
        # It was there when we started: somebody may be about to put it back.
        return find_sources(
            paths, may_be_empty=True, leave_out=lambda error: log.warning("postings.not_found %s", error)
        )

    def _open_collection(self, name: str) -> AbstractAsyncContextManager[PostingCollection]:
        from pipeline.jobs.collection import PostingCollection

        if self._settings.mongodb_uri is None:
            raise UsageError("--from-mongodb: MONGODB_URI is not set; set it to mongodb://host:27017")
        return PostingCollection.open(
            self._settings.mongodb_uri, self._settings.mongodb_database, name, cv=self._cv
        )

    def _starting_cv(self) -> RunCv | None:
        if self._options.collection is None:
            return None
        from pipeline.jobs.posting_record import RunCv
        from pipeline.layers.candidate import Candidate

        return RunCv(Candidate.parse(self._settings.candidate_cv).digest())


def _complain(error: SourceError) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"pipeline run: {error}\n")
