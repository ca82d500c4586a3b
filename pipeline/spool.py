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
from pathlib import Path
from typing import Final

_INITIAL_BYTES: Final = 1 << 16
_HEADER_BYTES: Final = 8
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
        unfinished = path.with_suffix(".new")
        self._fd = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            # Space is allocated, not left sparse: a write to a hole on a full disk would kill the process.
            os.posix_fallocate(self._fd, 0, self._size)
            self.buffer = mmap.mmap(self._fd, self._size)
            self._map_values()
            self._write_used()
            unfinished.rename(path)
        except BaseException:
            os.close(self._fd)
            unfinished.unlink(missing_ok=True)
            raise

    def append(self, key: str) -> int:
        """Add an entry of value 0 and return the offset of its value.

        Raises:
            OSError: the disk is full; the file stays as it was.
        """
        encoded = key.encode()
        padded = encoded + b" " * (8 - (len(encoded) + _LENGTH.size) % 8)
        entry = _LENGTH.pack(len(encoded)) + padded + _VALUE.pack(0.0, 0.0)
        self._grow_to(self._used + len(entry))
        self.buffer[self._used : self._used + len(entry)] = entry
        self._used += len(entry)
        self._write_used()
        return self._used - _VALUE.size

    def close(self) -> None:
        self.values.release()
        self.buffer.close()
        os.close(self._fd)

    def _map_values(self) -> None:
        """The file as float64s. To set one is one store, where a reader sees the old or the new value."""
        self.values: memoryview[float] = memoryview(self.buffer).cast("d")

    def _grow_to(self, size: int) -> None:
        grown = self._size
        while grown < size:
            grown *= 2
        if grown != self._size:
            os.posix_fallocate(self._fd, self._size, grown - self._size)
            self.values.release()  # or else the map could not be resized
            self.buffer.resize(grown)
            self._size = grown
            self._map_values()

    def _write_used(self) -> None:
        self.buffer[: _LENGTH.size] = _LENGTH.pack(self._used)


class WorkerSpool:
    """The files and the lease of one worker."""

    def __init__(self, directory: Path) -> None:
        """Take a lease in `directory`, which is created if its parent exists.

        Raises:
            SpoolError: the directory cannot be made or written.
        """
        self.directory = directory
        self.worker = worker_id()
        self._files: dict[str, SpoolFile] = {}
        try:
            directory.mkdir(mode=0o750, exist_ok=True)
            self._lease_fd = os.open(
                directory / f"{self.worker}.lease", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640
            )
        except OSError as error:
            raise SpoolError(
                error.errno,
                f"spool {directory}: {os.strerror(error.errno or errno.EIO)};"
                " make it a directory that this user can write, or unset SIDECAR_SPOOL",
            ) from error
        fcntl.flock(self._lease_fd, fcntl.LOCK_EX)

    def file(self, prefix: str) -> SpoolFile:
        """The worker's file for `counter`, `histogram` or `gauge_<mode>`.

        Raises:
            OSError: as for `SpoolFile`.
        """
        existing = self._files.get(prefix)
        if existing is None:
            existing = SpoolFile(self.directory / f"{prefix}_{self.worker}.db")
            self._files[prefix] = existing
        return existing

    def close(self) -> None:
        """Give the lease back; the files stay for the sidecar.

        In a forked child this gives back only the child's copy: the parent still holds the lock.
        """
        for file in self._files.values():
            file.close()
        self._files.clear()
        os.close(self._lease_fd)
