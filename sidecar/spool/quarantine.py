"""Set damaged files aside, and put what was last good of them in their place.

One rename does both, so no counter dips. A file that is being made can look damaged for an instant:
only what stays so for a while is set aside.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import structlog

from sidecar.spool.disk import concerns_one_file, make_directory, sync_directory, write_file
from sidecar.spool.errors import is_disk_full
from sidecar.spool.files import (
    BadFileError,
    Entry,
    FileName,
    MetricFile,
    read_damaged_file,
    read_file,
)
from sidecar.spool.layout import BAD, name_aside
from sidecar.spool.metric_bytes import to_bytes

log = structlog.get_logger()

DAMAGED_FOR_SECONDS: Final = 30.0
MAX_KEPT: Final = 100
"""Damaged files that are kept to be looked at; the oldest go first."""


class Damaged(NamedTuple):
    """A file that could not be read."""

    path: Path
    name: FileName
    last_good: MetricFile | None
    """What was read of it before it went bad, if it ever was."""


class Quarantine:
    """The directory `bad/` of one spool; the caller holds the spool's lock."""

    def __init__(
        self,
        directory: Path,
        *,
        step: Callable[[str], None] = lambda _name: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Touch nothing yet; `step` is called after every change on the disk, with its name."""
        self._directory = directory
        self._step = step
        self._monotonic = monotonic
        self._damaged_since: dict[int, float] = {}
        """By inode: a file that is renamed as a dead worker's is as damaged as before."""
        self._told: set[str] = set()
        self.better_known: frozenset[int] = frozenset()
        """Inodes of damaged files of which more is known than they still say: not to be merged so."""
        self.lacks_room = False
        """Whether one could not be set aside because the disk is full."""

    def set_aside(self, suspects: Iterable[Damaged]) -> int:
        """Set aside what has been damaged for `DAMAGED_FOR_SECONDS`; how many that were.

        Args:
            suspects: files that could not be read.

        Raises:
            OSError: the spool cannot be written.
        """
        now = self._monotonic()
        before, self._damaged_since = self._damaged_since, {}
        count = 0
        better_known = set()
        self.lacks_room = False
        for suspect in suspects:
            problem = _problem(suspect)
            if problem is None:
                continue
            try:
                inode = suspect.path.lstat().st_ino
                since = self._damaged_since[inode] = before.get(inode, now)
                if now - since >= DAMAGED_FOR_SECONDS:
                    self._set_aside(suspect, problem)
                    del self._damaged_since[inode]
                    count += 1
                elif suspect.last_good is not None:
                    better_known.add(inode)
            except FileNotFoundError:
                continue  # its own application has removed it
            except OSError as error:
                # One such file must not stop the rest of the upkeep, which makes room on a full disk.
                if not concerns_one_file(error) and not is_disk_full(error):
                    raise
                self.lacks_room |= is_disk_full(error)
                better_known.add(inode)
                self._tell(suspect.path.name, error)
        self.better_known = frozenset(better_known)
        if count:
            self._forget_oldest()
        return count

    def _set_aside(self, damaged: Damaged, problem: str) -> None:
        path = damaged.path
        make_directory(self._directory / BAD)
        aside = self._directory / BAD / name_aside(path.name)
        entries = (damaged.last_good or _readable_part(damaged)).entries
        if entries and stat.S_ISREG(path.lstat().st_mode):
            aside.hardlink_to(path)
            self._step("keep damaged")
            try:
                write_file(path, to_bytes(entries))
            except OSError:
                aside.unlink()
                raise
            self._step("replace damaged")
        else:
            path.rename(aside)
            self._step("move damaged")
            if entries:
                try:
                    write_file(path, to_bytes(entries))
                except OSError:
                    aside.rename(path)
                    raise
        sync_directory(path.parent, through_link=path.parent == self._directory)
        log.warning(
            "spool.file_set_aside",
            file=path.name,
            problem=problem,
            kept=str(aside.relative_to(self._directory)),
            series_kept=len(entries),
        )

    def _tell(self, name: str, error: OSError) -> None:
        if name not in self._told:
            log.warning("spool.file_not_movable", file=name, problem=error.strerror)
        self._told.add(name)

    def _forget_oldest(self) -> None:
        kept = sorted((self._directory / BAD).iterdir(), key=lambda path: path.lstat().st_ctime_ns)
        for path in kept[:-MAX_KEPT]:
            if path.is_symlink() or not path.is_dir():
                path.unlink(missing_ok=True)


def _problem(suspect: Damaged) -> str | None:
    """What is wrong with the file itself; None if it is well, gone, or only out of our reach now."""
    try:
        if not stat.S_ISREG(suspect.path.lstat().st_mode):
            return "not a regular file"
        _open(suspect.path).close()
        now = read_file(suspect.path, suspect.name)
    except BadFileError as error:
        return str(error)
    except OSError:
        return None
    before = () if suspect.last_good is None else suspect.last_good.entries
    if any(map(_is_other, now.entries, before)) or len(now.entries) < len(before):
        return "what was written is no longer there"
    return None


def _is_other(entry: Entry, before: Entry) -> bool:
    return (entry.sample, entry.labels, entry.help) != (before.sample, before.labels, before.help)


def _readable_part(damaged: Damaged) -> MetricFile:
    """Better than nothing, where nobody has read the file before it was damaged."""
    try:
        return read_damaged_file(damaged.path, damaged.name)
    except BadFileError:
        return MetricFile(damaged.name, ())


def _open(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
