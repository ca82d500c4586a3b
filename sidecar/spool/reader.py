"""One look into the spool: every worker's metrics as families, whatever else lies in the directory."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Final

import structlog
from prometheus_client import Metric

from sidecar.spool.content import Scratch
from sidecar.spool.descriptors import Descriptors
from sidecar.spool.errors import BadFileError
from sidecar.spool.files import MetricFile
from sidecar.spool.followed import FollowedFile
from sidecar.spool.layout import name_of_dead
from sidecar.spool.leases import giving_way
from sidecar.spool.merge import Merged, Merger, Rows
from sidecar.spool.sources import Source, Sources, State, list_sources

log = structlog.get_logger()

_TRIES: Final = 8
"""Before what was read last is given once more."""
_FIRST_READ_SECONDS: Final = 60.0
"""For who has read nothing yet: thousands of files are merged faster than they are read one by one."""
_MANY_OBJECTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file that could not be read; `since` is the Unix time at which that was first so, in seconds."""

    path: Path
    problem: str
    since: float


@dataclass(frozen=True, slots=True)
class SpoolReading:
    families: tuple[Metric, ...]
    workers: int
    files: int
    unreadable_files: int
    bad: tuple[BadFile, ...] = ()


class SpoolReader:
    """Reads a spool directory, which need not exist yet. Threads may share it."""

    def __init__(self, directory: Path, *, now: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self._now = now
        self._lock = Lock()
        self._scratch = Scratch()
        self._descriptors = Descriptors()
        self._merger = Merger()
        self._followed: dict[int, FollowedFile] = {}
        """By inode: a file that is renamed, as those of the dead are, stays the same file."""
        self._bad: tuple[BadFile, ...] = ()
        self._told: str | None = None
        self._files: tuple[Source, ...] = ()
        self._last = SpoolReading((), 0, 0, 0)

    def read(self) -> SpoolReading:
        """Look at every file once.

        A bad file is counted, and told of in the log once. What was last read of it before it went bad
        stays in, so that no counter ever goes backwards.
        """
        with self._lock, _no_garbage_collected():
            try:
                self._last = giving_way(self._read)
                self._told = None
            except OSError as error:
                # As when file descriptors run out: what was read before is nearer the truth than nothing.
                if self._told != error.strerror:
                    log.warning("spool.unreadable", problem=error.strerror)
                self._told = error.strerror
                self._last = replace(self._last, unreadable_files=max(1, self._last.unreadable_files))
            return self._last

    def last_good(self, path: Path) -> MetricFile | None:
        """What was last read of a file of the last reading; None if it never was as it should be."""
        with self._lock:
            inode = next((source.inode for source in self._files if source.path == path), 0)
            followed = self._followed.get(inode)
            return None if followed is None or not followed.was_read else followed.last_good()

    def _read(self) -> SpoolReading:
        """Try until compaction stood still meanwhile: anything else could miss what is being moved."""
        give_up_at = time.monotonic() + _FIRST_READ_SECONDS
        for tries in count(1):
            sources = list_sources(self._directory)
            problems = self._look_at(sources)
            if problems is not None and sources.is_still_current():
                break
            if tries >= _TRIES and self._files:
                return self._last
            if time.monotonic() >= give_up_at:
                break
        return self._reading(sources, problems or {})

    def _look_at(self, sources: Sources) -> dict[Path, str] | None:
        """Read every file; what is wrong with which. None: one has gone, so compaction has moved on."""
        problems = dict.fromkeys(sources.misnamed, "the name is not that of a metric file")
        complete = True
        for source in sources.files:
            followed = self._followed.get(source.inode)
            if followed is None or followed.name != source.name:
                followed = FollowedFile(source.name, is_merged=source.state is State.COMPACTED)
                self._followed[source.inode] = followed
            try:
                followed.read(source.path, self._scratch, self._descriptors)
            except BadFileError as error:
                problems[source.path] = str(error)
            except FileNotFoundError:
                complete = False
        return problems if complete else None

    def _reading(self, sources: Sources, problems: dict[Path, str]) -> SpoolReading:
        self._files = sources.files
        if len(self._followed) > len(sources.files):
            self._followed = {source.inode: self._followed[source.inode] for source in sources.files}
        self._note(problems)
        return SpoolReading(
            families=tuple(self._merger.merge(self._merged(sources.files))),
            workers=len(sources.leases.living),
            files=len(sources.files) + len(sources.misnamed),
            unreadable_files=len(problems),
            bad=self._bad,
        )

    def _merged(self, files: Iterable[Source]) -> Merged:
        """All rows by what they are merged with. Of a bad file it is the last good one."""
        merged: Merged = {}
        for source in files:
            followed = self._followed[source.inode]
            layout = followed.layout
            if layout.columns.keys:
                by_layout = merged.get(followed.kind)
                if by_layout is None:
                    by_layout = merged[followed.kind] = {}
                rows = by_layout.get(layout)
                if rows is None:
                    rows = by_layout[layout] = Rows()
                rows.rows += followed.rows()
                rows.is_live |= source.state is State.LIVE
        return merged

    def _note(self, problems: dict[Path, str]) -> None:
        # By the name that its worker gave it: renamed aside, it is bad still.
        known = {name_of_dead(bad.path.name): bad.since for bad in self._bad}
        noted = []
        for path, problem in problems.items():
            since = known.get(name_of_dead(path.name))
            if since is None:
                log.warning("spool.file_unreadable", file=path.name, problem=problem)
                since = self._now()
            noted.append(BadFile(path, problem, since))
        self._bad = tuple(noted)


@contextmanager
def _no_garbage_collected() -> Iterator[None]:
    """Keep the collector of garbage from what a reading makes.

    While 100,000 series are made known it would look at them all again and again, and hold up all other
    threads for 0.3 s each time. They stay, so it need never look at them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > _MANY_OBJECTS:
            gc.freeze()
        if was_enabled:
            gc.enable()
