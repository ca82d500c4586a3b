"""Which workers are dead: a worker holds an flock on its lease for as long as it lives.

The kernel drops the lock with the process, `kill -9` included, and across containers, where pids
mean nothing. A lease has its name only once it is locked, so one that is not locked is a dead one's.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from sidecar.spool.layout import LEASE_SUFFIX


@dataclass(frozen=True, slots=True)
class Leases:
    """Workers by whether they hold their lease; other applications' never had one and are in neither set."""

    living: frozenset[str]
    dead: frozenset[str]

    @classmethod
    def of(cls, directory: Path) -> Leases:
        """Of all leases in a directory, which need not exist."""
        return cls.among(directory, (lease.name for lease in directory.glob(f"*{LEASE_SUFFIX}")))

    @classmethod
    def among(cls, directory: Path, names: Iterable[str]) -> Leases:
        """Of those of the directory's entries that are leases."""
        held: dict[bool, set[str]] = {True: set(), False: set()}
        leases = [name for name in names if name.endswith(LEASE_SUFFIX)]
        for name in leases:
            held[_is_held(f"{directory}/{name}")].add(name.removesuffix(LEASE_SUFFIX))
        if len(_kept_open) > len(leases):
            _close_all_but(directory, leases)
        return cls(frozenset(held[True]), frozenset(held[False]))


_MAX_KEPT_OPEN: Final = 256
_kept_open: dict[str, int] = {}
"""Leases that were held when they were last looked at; to open one costs more than to look at it."""
_looking = Lock()


def _close_all_but(directory: Path, leases: Iterable[str]) -> None:
    """Close what was removed while it was kept open, as by another sidecar."""
    with _looking:
        gone = {path for path in _kept_open if path.startswith(f"{directory}/")}
        gone -= {f"{directory}/{name}" for name in leases}
        for path in gone:
            os.close(_kept_open.pop(path))


def _is_held(lease: str) -> bool:
    with _looking:
        fd = _kept_open.pop(lease, None)
        if fd is None:
            try:
                fd = os.open(lease, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
            except OSError:
                return True  # not known to be dead: too many files are open, or it is not ours to read
        try:
            # Shared, so that two sidecars that look at once don't take each other for the worker.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            if len(_kept_open) < _MAX_KEPT_OPEN:
                _kept_open[lease] = fd
            else:
                os.close(fd)
            return True
        os.close(fd)
        return False
