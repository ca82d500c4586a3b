"""Spools made by hand, and what they say in all, added up without any of the reader's code."""

from __future__ import annotations

import fcntl
import math
import mmap
import os
from pathlib import Path

from sidecar.spool.files import Entry, read_file
from sidecar.spool.metric_bytes import to_bytes
from sidecar.spool.sources import list_sources


def counter(value: float, name: str = "jobs", **labels: str) -> Entry:
    return Entry(name, f"{name}_total", tuple(sorted(labels.items())), "Help.", value, 0.0)


def write(path: Path, *entries: Entry) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_bytes(entries))
    return path


def change_in_place(path: Path, *entries: Entry) -> None:
    """As a worker does, through a mapping: the file stays as large and as old as it is."""
    status = path.stat()
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:] = to_bytes(entries)
    # When a write through a mapping changes them is a matter of the file system, if it ever does.
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def dead_worker(spool: Path, worker: str, *entries: Entry, prefix: str = "counter") -> None:
    """Files and the lease that nobody holds."""
    write(spool / f"{prefix}_{worker}.db", *entries)
    (spool / f"{worker}.lease").touch()


def living_worker(spool: Path, worker: str, *entries: Entry) -> int:
    """The descriptor that holds the lease."""
    dead_worker(spool, worker, *entries)
    fd = os.open(spool / f"{worker}.lease", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


def total(spool: Path, sample: str = "jobs_total") -> float:
    """The exact sum over everything that counts."""
    parts = []
    for source in list_sources(spool).files:
        for entry in read_file(source.path, source.name).entries:
            if entry.sample == sample:
                parts += [entry.value, entry.timestamp if source.state == "compacted" else 0.0]
    return math.fsum(parts)


def names(spool: Path) -> set[str]:
    """Of all files in it."""
    return {str(path.relative_to(spool)) for path in spool.rglob("*") if path.is_file()}
