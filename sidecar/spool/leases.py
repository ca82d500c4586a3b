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
        leases = [name for name in names if name.endswith(LEASE_SUFFIX)]
        living, dead = [], []
        with _looking:
            kept = _kept_open.setdefault(directory, {})
            for name in leases:
                if _is_held(directory, name, kept):
                    living.append(name)
                else:
                    dead.append(name)
            if len(kept) > len(living):
                _close_all_but(kept, living)
            if not kept:
                del _kept_open[directory]
        return cls(_workers(living), _workers(dead))


_MAX_KEPT_OPEN: Final = 256
_kept_open: dict[Path, dict[str, int]] = {}
"""By directory, leases that were held when they were last looked at; to open one costs more than to look."""
_looking = Lock()


def _workers(leases: Iterable[str]) -> frozenset[str]:
    return frozenset([name[: -len(LEASE_SUFFIX)] for name in leases])


def _close_all_but(kept: dict[str, int], leases: Iterable[str]) -> None:
    """Close what was removed while it was kept open, as by another sidecar."""
    for name in kept.keys() - leases:
        os.close(kept.pop(name))


def _is_held(directory: Path, name: str, kept: dict[str, int]) -> bool:
    fd = kept.get(name)
    if fd is None:
        try:
            fd = os.open(directory / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # not known to be dead: too many files are open, or it is not ours to read
    try:
        # Shared, so that two sidecars that look at once don't take each other for the worker.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        if name not in kept:
            if sum(map(len, _kept_open.values())) < _MAX_KEPT_OPEN:
                kept[name] = fd
            else:
                os.close(fd)
        return True
    kept.pop(name, None)
    os.close(fd)
    return False
