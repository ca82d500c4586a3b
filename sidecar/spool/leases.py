"""Which workers are dead: a worker holds an flock on its lease for as long as it lives.

The kernel drops the lock with the process, `kill -9` included, and across containers, where pids
mean nothing.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Leases:
    """Workers by whether they hold their lease; other applications' never had one and are in neither set."""

    living: frozenset[str]
    dead: frozenset[str]

    @classmethod
    def of(cls, directory: Path) -> Leases:
        held: dict[bool, set[str]] = {True: set(), False: set()}
        for lease in directory.glob("*.lease"):
            held[_is_held(lease)].add(lease.stem)
        return cls(frozenset(held[True]), frozenset(held[False]))


def _is_held(lease: Path) -> bool:
    try:
        fd = os.open(lease, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared, so that two sidecars that look at once don't take each other for the worker.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)
