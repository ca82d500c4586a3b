"""Keep a spool small and well: set damaged files aside, the dead's too, and merge these."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from sidecar.spool.compaction import Compactor
from sidecar.spool.disk import require_directories
from sidecar.spool.errors import is_disk_full
from sidecar.spool.files import parse_name
from sidecar.spool.holders import Holders, look_for_holders
from sidecar.spool.layout import BAD, COMPACTED, DEAD, LOCK, name_of_dead
from sidecar.spool.liveness import Liveness
from sidecar.spool.manifest import restore_manifest
from sidecar.spool.quarantine import Damaged, Quarantine
from sidecar.spool.room import make_room

_T = TypeVar("_T")

_BLOCK_BYTES: Final = 512
"""Of `st_blocks`, whatever the file system's own blocks are."""


class StoppedError(Exception):
    """The sidecar is stopping. What is done so far is right; the next one goes on from there."""


@dataclass(frozen=True, slots=True)
class UpkeepReport:
    """What one run did."""

    set_aside: int
    """Damaged files."""
    moved: int
    """Files whose workers were found dead."""
    merged: int
    """Files of the dead that the merged ones now hold."""
    spool_bytes: int
    """On disk, after it."""
    duration_seconds: float


class Upkeep:
    """All that is done to one spool, by one sidecar at a time."""

    def __init__(
        self,
        directory: Path,
        *,
        foreign_max_age_seconds: float,
        unreadable: Callable[[], Iterable[Damaged]] = lambda: (),
        breathe: Callable[[], None] = lambda: None,
        step: Callable[[str], None] = lambda _name: None,
        look: Callable[[Path, set[str]], Holders] = look_for_holders,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Touch nothing yet.

        Args:
            directory: the spool, which need not exist yet.
            foreign_max_age_seconds: after which an unchanged file of a process that we can't see is a
                dead one's.
            unreadable: what a reader could not read.
            breathe: called between two files, to let others run; what it raises ends the run.
            step: called after every change on the disk, with its name.
            look: who holds which file.
            monotonic: the clock.
        """
        self._directory = directory
        self._unreadable = unreadable
        self._look = partial(look, directory / LOCK)
        self._monotonic = monotonic
        self._breathe = breathe
        self._compactor = Compactor(directory, breathe=breathe, step=step)
        self._quarantine = Quarantine(directory, step=step, monotonic=monotonic)
        self._make_liveness = partial(
            Liveness,
            directory,
            foreign_max_age_seconds=foreign_max_age_seconds,
            look=self._look,
            breathe=breathe,
            step=step,
            monotonic=monotonic,
        )
        self._liveness: Liveness | None = None

    def run(self) -> UpkeepReport | None:
        """Do all that is to do now; None: there is no spool, or another sidecar is at it.

        Raises:
            OSError: the spool cannot be written.
            StoppedError: by `breathe`.
        """
        started = self._monotonic()
        with _locked(self._directory / LOCK) as is_ours:
            if not is_ours:
                self._liveness = None  # the other one's observations count from now on
                return None
            require_directories(*(self._directory / name for name in (DEAD, COMPACTED, BAD)))
            if self._liveness is None:
                self._liveness = self._make_liveness()
            self._with_room(partial(restore_manifest, self._directory))
            self._compactor.sweep()
            set_aside = self._quarantine.set_aside(self._suspects())
            if self._quarantine.lacks_room:
                self._make_room()  # for the next time
            moved = self._with_room(self._liveness.move_the_dead_aside)
            merged = self._with_room(self._merge)
            spool_bytes = bytes_on_disk(self._directory)
        return UpkeepReport(set_aside, moved, merged, spool_bytes, self._monotonic() - started)

    def _with_room(self, work: Callable[[], _T]) -> _T:
        """Do it; on a full disk make room, and try once more."""
        try:
            return work()
        except OSError as error:
            if not is_disk_full(error) or not self._make_room():
                raise
        return work()

    def _make_room(self) -> bool:
        self._compactor.sweep()  # a generation that was only begun
        return make_room(self._directory, self._look, self._quarantine.better_known, self._breathe)

    def _merge(self) -> int:
        dead = self._directory / DEAD
        try:
            names = [name_of_dead(path.name) for path in dead.iterdir()]
        except FileNotFoundError:
            return 0
        if not names:
            return 0
        holders = self._look({name.removesuffix(".db").rpartition("_")[2] for name in names})
        device = self._directory.stat().st_dev
        better_known = {(device, inode) for inode in self._quarantine.better_known}
        return self._compactor.merge(holders.held | better_known)

    def _suspects(self) -> Iterable[Damaged]:
        suspects = {suspect.path: suspect for suspect in self._unreadable()}
        for path in self._compactor.damaged:
            suspects.setdefault(path, Damaged(path, parse_name(name_of_dead(path.name)), None))
        return suspects.values()


def bytes_on_disk(directory: Path) -> int:
    """What the files of a directory take, and those of the directories in it; links are not followed.

    A directory in it that may not be read, as a file system's `lost+found`, counts for nothing.

    Raises:
        OSError: the directory itself cannot be read.
    """
    total = 0
    with suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                with suppress(PermissionError):
                    total += bytes_on_disk(Path(entry.path))
            else:
                with suppress(FileNotFoundError):
                    total += entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
    return total


@contextmanager
def _locked(lock: Path) -> Iterator[bool]:
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        _fill(fd)
        yield True
    finally:
        os.close(fd)


def _fill(lock: int) -> None:
    """One byte, for whoever looks at who holds which file to try its eyes on."""
    if os.fstat(lock).st_size == 0:
        try:
            os.pwrite(lock, b"\n", 0)
        except OSError as error:
            # Until then it is as if it could not be seen who holds which file.
            if not is_disk_full(error):
                raise
