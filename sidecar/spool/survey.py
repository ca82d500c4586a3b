"""What is in a spool, and who lives: a look that changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sidecar.spool.files import BadFileError, read_file
from sidecar.spool.holders import Holders, look_for_holders
from sidecar.spool.layout import BAD, LOCK
from sidecar.spool.leases import Leases
from sidecar.spool.sources import Source, State, list_sources
from sidecar.spool.upkeep import bytes_on_disk


class WorkerState(StrEnum):
    LIVING = "living"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """It holds no lease, and no process that we see has its files."""


@dataclass(frozen=True, slots=True)
class FileGroup:
    """Files that belong together: of one worker, or merged."""

    files: int
    series: int
    bytes: int
    """Their length."""


@dataclass(frozen=True, slots=True)
class Survey:
    directory: str
    bytes_on_disk: int
    """Of everything in it."""
    workers: dict[str, WorkerState]
    files_by_worker: dict[str, FileGroup]
    waiting: FileGroup
    """Files of the dead that are renamed aside and not merged yet."""
    merged: FileGroup
    generation: str | None
    """Of the merged files; None: nothing is merged yet."""
    unreadable: dict[str, str]
    """Name, and what is wrong."""
    set_aside: tuple[str, ...]
    """Names in `bad/`."""


def survey(directory: Path) -> Survey:
    """Look at a spool.

    Raises:
        OSError: it is not there, or not to be read.
    """
    next(directory.iterdir(), None)
    sources = list_sources(directory)
    live = [source for source in sources.files if source.state is State.LIVE]
    holders = look_for_holders(directory / LOCK, {source.name.worker for source in live})
    device = directory.stat().st_dev
    unreadable = {path.name: "the name is not that of a metric file" for path in sources.misnamed}
    by_worker: dict[str, list[Source]] = {}
    workers: dict[str, WorkerState] = {}
    for source in live:
        worker = source.name.worker
        by_worker.setdefault(worker, []).append(source)
        if workers.get(worker) is not WorkerState.LIVING:
            workers[worker] = _state(source, sources.leases, holders, device)
    by_state = {state: [source for source in sources.files if source.state is state] for state in State}
    bad = directory / BAD
    return Survey(
        directory=str(directory),
        bytes_on_disk=bytes_on_disk(directory),
        workers=workers,
        files_by_worker={worker: _group(files, unreadable) for worker, files in sorted(by_worker.items())},
        waiting=_group(by_state[State.DEAD], unreadable),
        merged=_group(by_state[State.COMPACTED], unreadable),
        generation=sources.manifest.generation,
        unreadable=unreadable,
        set_aside=tuple(sorted(path.name for path in bad.iterdir())) if bad.is_dir() else (),
    )


def _state(source: Source, leases: Leases, holders: Holders, device: int) -> WorkerState:
    worker = source.name.worker
    if worker in leases.living or (device, source.inode) in holders.held:
        return WorkerState.LIVING
    if worker in leases.dead or holders.would_show(worker):
        return WorkerState.DEAD
    return WorkerState.UNKNOWN


def _group(sources: Iterable[Source], unreadable: dict[str, str]) -> FileGroup:
    """Sum up; what can't be read is noted."""
    files = series = size = 0
    for source in sources:
        files += 1
        try:
            size += source.path.lstat().st_size
            series += len(read_file(source.path, source.name).entries)
        except BadFileError as error:
            unreadable[source.path.name] = str(error)
        except OSError:
            continue  # moved or removed since
    return FileGroup(files, series, size)
