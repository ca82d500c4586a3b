"""How many files the spool may keep open, so that enough are left to the rest of the process."""

from __future__ import annotations

import resource
from typing import Final
from weakref import WeakSet

_MOST_FILES: Final = 1024
_MOST_LEASES: Final = 256


class Descriptors:
    """Which files may stay open from reading to reading: a quarter of what the process may open, at most.

    An open file is read at half the price, and its inode cannot become another file's.
    """

    def __init__(self) -> None:
        self._limit = _share(4, _MOST_FILES)
        self._open: WeakSet[object] = WeakSet()

    def keep(self, file: object) -> bool:
        """Whether this file may stay open, which it then may for as long as it exists."""
        if len(self._open) >= self._limit:
            return False
        self._open.add(file)
        return True


def most_leases() -> int:
    """Leases that may stay open: an eighth of what the process may open, at most."""
    return _share(8, _MOST_LEASES)


def _share(parts: int, most: int) -> int:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return most if limit == resource.RLIM_INFINITY else min(limit // parts, most)
