"""The worker's side of the spool: files that outlive the process which wrote them.

The files are in prometheus_client's multiprocess format: a native int32 `used`, four bytes of
padding, then entries of an int32 key length, the JSON key padded with 1 to 8 spaces, a float64
value and a float64 timestamp. A worker owns `<prefix>_<worker>.db` for each type and holds an
flock on `<worker>.lease` for as long as it lives, which a reader in another container can test.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import re
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

_INITIAL_BYTES: Final = 1 << 16
_HEADER_BYTES: Final = 8
_FLOAT_BYTES: Final = 8
_UNFINISHED: Final = ".new"
_LENGTH: Final = struct.Struct("i")
_VALUE: Final = struct.Struct("dd")


class SpoolError(OSError):
    """The spool cannot be written; the message names the directory and the remedy."""


def worker_id() -> str:
    """Unique over hosts, containers and reused pids; without `_`, which separates parts of a file name."""
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", socket.gethostname()) or "host"
    return f"{host}-{os.getpid()}-{time.time_ns():x}"


class SpoolFile:
    """One growing file of float64 values, mapped into memory."""

    def __init__(self, path: Path) -> None:
        """Create the file; it appears under its name only once it is valid.

        Raises:
            OSError: the directory is missing, read-only or full.
        """
        self._size = _INITIAL_BYTES
        self._used = _HEADER_BYTES
        unfinished = path.with_suffix(_UNFINISHED)
        self._fd = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            # Space is allocated, not left sparse: a write to a hole on a full disk would kill the process.
            os.posix_fallocate(self._fd, 0, self._size)
            self._map()
            self._write_used(self._used)
            unfinished.rename(path)
        except BaseException:
            os.close(self._fd)
            unfinished.unlink(missing_ok=True)
            raise

    def append(self, keys: Sequence[str]) -> list[int]:
        """Add an entry of value 0 for each key, all of them or none; the indexes of their values.

        Raises:
            OSError: the disk is full; the file stays as it was.
        """
        added = bytearray()
        indexes = []
        for key in keys:
            encoded = key.encode()
            added += _LENGTH.pack(len(encoded)) + encoded + b" " * (8 - (len(encoded) + _LENGTH.size) % 8)
            indexes.append((self._used + len(added)) // _FLOAT_BYTES)
            added += _VALUE.pack(0.0, 0.0)
        used = self._used + len(added)
        self._grow_to(used)
        self._buffer[self._used : used] = added
        self._used = used
        # They count from here on: a reader sees no half of a histogram, nor a key without its end.
        self._write_used(used)
        return indexes

    def close(self) -> None:
        self._unmap()
        os.close(self._fd)

    def _map(self) -> None:
        self._buffer = mmap.mmap(self._fd, self._size)
        self.values: memoryview[float] = memoryview(self._buffer).cast("d")
        """The file as float64s. To set one is one store, where a reader sees the old or the new value."""

    def _unmap(self) -> None:
        self.values.release()
        self._buffer.close()

    def _grow_to(self, size: int) -> None:
        grown = self._size
        while grown < size:
            grown *= 2
        if grown == self._size:
            return
        os.posix_fallocate(self._fd, self._size, grown - self._size)
        # Mapped anew before the old map goes: a signal handler may count at any moment.
        old_values, old_buffer, old_size = self.values, self._buffer, self._size
        self._size = grown
        try:
            self._map()
        except BaseException:
            self._size = old_size
            raise
        old_values.release()
        old_buffer.close()

    def _write_used(self, used: int) -> None:
        self._buffer[: _LENGTH.size] = _LENGTH.pack(used)


class WorkerSpool:
    """The files and the lease of one worker."""

    def __init__(self, directory: Path, *, at_once: bool = True) -> None:
        """Take a lease in `directory`, which is created if its parent exists; or take it with the first file.

        Raises:
            SpoolError: the directory cannot be made or written.
        """
        self.directory = directory
        self._files: dict[str, SpoolFile] = {}
        self._lease: _Lease | None = _take_lease(directory) if at_once else None

    def file(self, prefix: str) -> SpoolFile:
        """The worker's file for `counter`, `histogram` or `gauge_<mode>`.

        Raises:
            OSError: as for `SpoolFile`, and as for the lease.
        """
        existing = self._files.get(prefix)
        if existing is None:
            if self._lease is None:
                self._lease = _take_lease(self.directory)
            existing = SpoolFile(self.directory / f"{prefix}_{self._lease.worker}.db")
            self._files[prefix] = existing
        return existing

    def close(self) -> None:
        """Give the lease back; the files stay for the sidecar.

        In a forked child this gives back only the child's copy: the parent still holds the lock.
        """
        for file in self._files.values():
            file.close()
        self._files.clear()
        if self._lease is not None:
            os.close(self._lease.fd)
            self._lease = None


class _Lease(NamedTuple):
    worker: str
    fd: int
    """Holds the lock."""


def _take_lease(directory: Path) -> _Lease:
    """A lease for a new worker.

    It is locked before it has its name: one that is free is a dead one's.

    Raises:
        SpoolError: the directory cannot be made or written.
    """
    worker = worker_id()
    unfinished = directory / f"{worker}.lease{_UNFINISHED}"
    try:
        directory.mkdir(mode=0o750, exist_ok=True)
        fd = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            unfinished.rename(directory / f"{worker}.lease")
        except BaseException:
            os.close(fd)
            unfinished.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SpoolError(
            error.errno,
            f"spool {directory}: {os.strerror(error.errno or errno.EIO)};"
            " make it a directory that this user can write, or unset SIDECAR_SPOOL",
        ) from error
    return _Lease(worker, fd)
