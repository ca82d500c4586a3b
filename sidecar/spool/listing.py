"""What a directory holds, listed anew only when it may have changed."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Final

from sidecar.spool.file_times import is_settled
from sidecar.spool.layout import LEASE_SUFFIX, METRICS_SUFFIX

_TRIES: Final = 5
"""To list a directory that changes all the time."""
_TRUSTED_FOR: Final = 3
"""Times after each real look; for file systems that are slow to say that a directory has changed."""
_DIRECTORIES_KNOWN: Final = 16

Entry = tuple[str, int]
"""A name, and its inode."""


class Listing:
    """A directory's entries at one time. The same object is given again while they stay the same."""

    __slots__ = ("_signature", "_trusted_for", "entries", "leases", "metric_files", "names")

    def __init__(self, entries: frozenset[Entry] = frozenset()) -> None:
        self.entries = entries
        self.names = frozenset(name for name, _ in entries)
        self.metric_files = tuple(entry for entry in entries if entry[0].endswith(METRICS_SUFFIX))
        self.leases = tuple(name for name in self.names if name.endswith(LEASE_SUFFIX))
        self._signature: tuple[int, ...] = ()
        self._trusted_for = 0

    def is_of(self, signature: tuple[int, ...]) -> bool:
        """Whether it surely is of a directory that says this of itself."""
        if self._trusted_for <= 0 or self._signature != signature:
            return False
        self._trusted_for -= 1
        return True

    def found(self, signature: tuple[int, ...], *, settled: bool) -> None:
        """Note that it was found so, after the directory had said this of itself.

        Args:
            signature: what the directory said.
            settled: whether it will say something else once it changes.
        """
        self._signature = signature
        self._trusted_for = _TRUSTED_FOR if settled else 0


NOTHING: Final = Listing()


def list_directory(directory: Path, *, through_link: bool = False) -> Listing:
    """What is there; nothing if there is no directory, or a link to one unless that is followed.

    Raises:
        OSError: it cannot be listed.
    """
    now_ns = time.time_ns()
    try:
        status = os.stat(directory, follow_symlinks=through_link)  # noqa: PTH116  (a Path's own takes thrice as long)
        if not stat.S_ISDIR(status.st_mode):
            return NOTHING
        signature = _signature(status)
        known = _known.get(directory)
        if known is not None and known.is_of(signature):
            return known
        settled = is_settled(status.st_mtime_ns, now_ns)
        entries = _entries(directory)
        if not settled or _signature(os.stat(directory, follow_symlinks=through_link)) != signature:  # noqa: PTH116
            settled = False
            entries = _entries_until_they_stay(directory, entries)
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING
    if known is None or known.entries != entries:
        known = Listing(entries)
        if len(_known) >= _DIRECTORIES_KNOWN:
            _known.clear()
        _known[directory] = known
    known.found(signature, settled=settled)
    return known


def _signature(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def _entries(directory: Path) -> frozenset[Entry]:
    with os.scandir(directory) as found:
        return frozenset((entry.name, entry.inode()) for entry in found)


def _entries_until_they_stay(directory: Path, before: frozenset[Entry]) -> frozenset[Entry]:
    """List again until twice the same was found.

    In memory (`tmpfs`) a file that is replaced while its directory is listed may be in the list neither as it
    was nor as it is. Where there is no end of changes, what was only in an earlier list is taken for such a
    file: who opens it finds it, or finds it gone and lists again.
    """
    seen = dict(before)
    for _ in range(_TRIES):
        entries = _entries(directory)
        if entries == before:
            return entries
        seen |= entries
        before = entries
    return frozenset(seen.items())


_known: Final[dict[Path, Listing]] = {}
