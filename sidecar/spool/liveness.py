"""Find what the dead have left in a spool, and rename it aside.

Our workers hold a lease while they live. Other applications' files are their dead owner's by what
`ForeignFiles` saw. A new process may get a dead one's pid and open the file of that name between the
look and the rename, so whoever merges looks once more who holds it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from sidecar.spool.disk import concerns_one_file, make_directory, sync_directory
from sidecar.spool.errors import is_disk_full
from sidecar.spool.files import BadFileError, parse_name
from sidecar.spool.foreign import ForeignFile, ForeignFiles
from sidecar.spool.holders import Holders
from sidecar.spool.layout import DEAD, LEASE_SUFFIX, METRICS_SUFFIX, UNFINISHED_SUFFIX, name_aside
from sidecar.spool.leases import Leases

log = structlog.get_logger()

UNFINISHED_FOR_SECONDS: Final = 3600.0
"""Nobody takes that long to make a file, so its maker died over it."""


class Liveness:
    """Who lives in one spool; the caller holds the spool's lock."""

    def __init__(
        self,
        directory: Path,
        *,
        foreign_max_age_seconds: float,
        look: Callable[[set[str]], Holders],
        breathe: Callable[[], None] = lambda: None,
        step: Callable[[str], None] = lambda _name: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read what earlier looks have seen of other applications' files.

        Args:
            directory: the spool.
            foreign_max_age_seconds: how long a file of a process that we can't see must stay unchanged.
            look: who holds which file; given the workers to look at more closely.
            breathe: called between two files; what it raises ends the run.
            step: called after every change on the disk, with its name.
            monotonic: the clock.
        """
        self._directory = directory
        self._foreign = ForeignFiles(directory, foreign_max_age_seconds)
        self._look = look
        self._breathe = breathe
        self._step = step
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._told: set[str] = set()

    def move_the_dead_aside(self) -> int:
        """Rename their files into `dead/` and remove their leases; how many files that were.

        Raises:
            OSError: the spool cannot be written.
        """
        leases = Leases.of(self._directory)
        # Listed after that: who is dead makes no file any more. Who has only begun has a lease by now.
        with os.scandir(self._directory) as entries:
            inodes = {entry.name: entry.inode() for entry in entries}
        self._told &= inodes.keys()
        foreign = []
        leased = []
        device = self._directory.stat().st_dev
        for name in (name for name in inodes if name.endswith(METRICS_SUFFIX)):
            try:
                parsed = parse_name(name)
            except BadFileError:
                continue
            if parsed.worker in leases.dead:
                leased.append(name)
            elif f"{parsed.worker}{LEASE_SUFFIX}" not in inodes:
                foreign.append(ForeignFile(self._directory / name, parsed, (device, inodes[name])))
        unleased = self._dead_among(foreign)
        if leased or unleased:
            make_directory(self._directory / DEAD)
        moved = sum(self._move(name, leased=True) for name in leased)
        moved += sum(self._move(name, leased=False) for name in unleased)
        if moved:
            # Durable before they are merged: or else a loss of power could bring them back beside the sum.
            sync_directory(self._directory / DEAD)
            sync_directory(self._directory, through_link=True)
        self._remove_unfinished(inodes, leases)
        # Last: without its lease nobody knows whose the rest was.
        for worker in leases.dead - {parse_name(name).worker for name in self._told & inodes.keys()}:
            # One that can't be removed is only looked at again.
            with suppress(OSError):
                (self._directory / f"{worker}{LEASE_SUFFIX}").unlink(missing_ok=True)
                self._step("remove lease")
        return moved

    def _dead_among(self, foreign: list[ForeignFile]) -> list[str]:
        now = self._monotonic()
        since_last, self._looked_at = now - self._looked_at, now
        holders = self._look({file.name.worker for file in foreign}) if foreign else Holders()
        dead = self._foreign.dead(foreign, holders, since_last)
        try:
            self._foreign.save()
        except OSError as error:
            # On a full disk the next sidecar would know less. But to merge the dead's files makes room.
            if not is_disk_full(error):
                raise
        return [file.path.name for file in dead]

    def _move(self, name: str, *, leased: bool) -> bool:
        self._breathe()
        try:
            (self._directory / name).rename(self._directory / DEAD / name_aside(name, leased=leased))
        except FileNotFoundError:
            return False  # its own application has removed it
        except OSError as error:
            # One such file must not stop the rest of the upkeep.
            if not concerns_one_file(error):
                raise
            if name not in self._told:
                log.warning("spool.file_not_movable", file=name, problem=error.strerror)
            self._told.add(name)
            return False
        self._step("move aside")
        return True

    def _remove_unfinished(self, names: dict[str, int], leases: Leases) -> None:
        for name in names:
            worker = _worker_of_unfinished(name)
            if worker is None or worker in leases.living:
                continue
            path = self._directory / name
            with suppress(OSError):
                age_seconds = time.time() - path.lstat().st_mtime
                if worker in leases.dead or age_seconds > UNFINISHED_FOR_SECONDS:
                    path.unlink()
                    self._step("remove unfinished")


def _worker_of_unfinished(name: str) -> str | None:
    """Of a file or lease that a worker was making; None: the name is of something else."""
    if not name.endswith(UNFINISHED_SUFFIX):
        return None
    stem = name.removesuffix(UNFINISHED_SUFFIX)
    if stem.endswith(LEASE_SUFFIX):
        return stem.removesuffix(LEASE_SUFFIX)
    try:
        return parse_name(f"{stem}{METRICS_SUFFIX}").worker
    except BadFileError:
        return None
