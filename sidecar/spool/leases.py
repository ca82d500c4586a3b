"""Which workers are dead: a worker holds an flock on its lease for as long as it lives.

The kernel drops the lock with the process, `kill -9` included, and across containers, where pids
mean nothing. A lease has its name only once it is locked, so one that is not locked is a dead one's.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar

from sidecar.spool.descriptors import most_leases
from sidecar.spool.errors import is_shortage
from sidecar.spool.layout import LEASE_SUFFIX

_T = TypeVar("_T")


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
                # Removed while it was kept open, as by another sidecar.
                _close_all_but(kept, living)
            if not kept:
                del _kept_open[directory]
        return cls(_workers(living), _workers(dead))


def giving_way(work: Callable[[], _T]) -> _T:
    """Do it; where too many files are open, let go of the leases that are kept so, and try once more.

    Raises:
        OSError: by `work`, as whatever else it raises.
    """
    try:
        return work()
    except OSError as error:
        with _looking:
            if not is_shortage(error) or not _let_go():
                raise
    return work()


_kept_open: dict[Path, dict[str, int]] = {}
"""By directory, leases that were held when they were last looked at; to open one costs more than to look."""
_looking = Lock()
_keep_from = 0.0
"""By the monotonic clock."""
_KEEP_NONE_SECONDS: Final = 60.0
"""After too many files were open."""


def _workers(leases: Iterable[str]) -> frozenset[str]:
    return frozenset([name[: -len(LEASE_SUFFIX)] for name in leases])


def _close_all_but(kept: dict[str, int], leases: Iterable[str]) -> None:
    for name in kept.keys() - leases:
        os.close(kept.pop(name))


def _let_go() -> bool:
    """Close all that are kept open, and keep none for a while; whether there were any."""
    global _keep_from  # noqa: PLW0603
    _keep_from = time.monotonic() + _KEEP_NONE_SECONDS
    kept_before = [kept for kept in _kept_open.values() if kept]
    for kept in kept_before:
        _close_all_but(kept, ())
    return bool(kept_before)


def _may_keep_one() -> bool:
    return sum(map(len, _kept_open.values())) < most_leases() and time.monotonic() >= _keep_from


def _open(lease: Path) -> int:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(lease, flags)
    except OSError as error:
        if not is_shortage(error) or not _let_go():
            raise
    return os.open(lease, flags)


def _is_held(directory: Path, name: str, kept: dict[str, int]) -> bool:
    fd = kept.get(name)
    if fd is None:
        try:
            fd = _open(directory / name)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # not known to be dead: too many files are open, or it is not ours to read
    is_held = False
    try:
        # Shared, so that two sidecars that look at once don't take each other for the worker.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        is_held = True
        if name in kept or _may_keep_one():
            kept[name] = fd
            return True
    except OSError:
        is_held = True  # not known to be dead: there is no lock to be had, just now or here at all
    kept.pop(name, None)
    os.close(fd)
    return is_held
