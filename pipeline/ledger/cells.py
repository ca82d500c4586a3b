"""Whole numbers under one lock: in memory, or in a file that the processes of one host share.

A file is an array of native int64, mapped into memory: what is written is there for the others at once, and
survives the writer's `kill -9`. (Not a crash of the machine: what the kernel had not written by then is as it
was up to half a minute before.) Whoever changes it holds an flock on it. A process has a slot of its own in
it for as long as it holds a lock on one byte far behind the file's end: when it dies, the others see it.

The first cells are the same in each file: magic, layout, and whether somebody is changing it. Who dies
meanwhile leaves that set, and the next one makes the sums anew.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import struct
import threading
import time
from collections.abc import Callable, MutableSequence
from pathlib import Path
from typing import Final, Protocol, cast

from pipeline.forks import ForkGuard
from pipeline.ledger.protocol import LedgerError

FIRST_FREE_CELL: Final = 4
MAX_PROCESSES: Final = 128
"""That share one file."""

_MAGIC: Final = int.from_bytes(b"ledger\x01\x00", "big")
_MAGIC_CELL, _LAYOUT_CELL, _CHANGING_CELL = range(3)
_CELL_BYTES: Final = 8
_FLOCK: Final = struct.Struct("@hhqqi")  # struct flock of Linux on 64 bits
_LEASES_AT: Final = 1 << 40
_PATIENCE_SECONDS: Final = 1.0
_FIRST_PAUSE_SECONDS: Final = 20e-6
_LAST_PAUSE_SECONDS: Final = 0.01


class Cells(Protocol):
    """Numbers under one lock. A process that forks has a lock and a slot of its own in the child."""

    values: MutableSequence[int]
    slot: int
    """This process's, below `MAX_PROCESSES`."""

    on_fork: Callable[[], None]
    """Called in a child, once it has its own lock and slot. To be set by whoever uses the cells."""

    def acquire(self) -> bool:
        """Take the lock.

        Returns:
            False: who held it last died while changing things; sums have to be made anew.

        Raises:
            LedgerError: a process that has been stopped, or frozen, holds it.
        """

    def release(self) -> None: ...

    def is_alive(self, slot: int) -> bool:
        """Whether a living process has that slot; the caller holds the lock."""

    def close(self) -> None: ...


class MemoryCells:
    """Of this process alone; a forked child goes on with a copy."""

    slot = 0

    def __init__(self, size: int) -> None:
        self.values: MutableSequence[int] = [0] * size
        self.on_fork = _do_nothing
        # Re-entrant: a signal handler may ask while its own thread does.
        self._lock = threading.RLock()
        _fork_guard.add(self)

    def acquire(self) -> bool:
        return self._lock.acquire()

    def release(self) -> None:
        self._lock.release()

    def is_alive(self, slot: int) -> bool:
        return slot == self.slot

    def close(self) -> None:
        """Nothing to give back."""

    def before_fork(self) -> None:
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        try:
            self.on_fork()
        finally:
            self._lock.release()


class FileCells:
    """Shared by all the processes that open the same file."""

    def __init__(self, path: Path, size: int, *, layout: int) -> None:
        """Open the file, or create it with zeros in a directory that is there or whose parent is.

        Raises:
            LedgerError: it can't be opened or is none of ours with this `layout`; or too many share it.
        """
        self.path = path
        self.on_fork = _do_nothing
        self._lock = threading.RLock()
        self._depth = 0
        self._fd = _open(path)
        try:
            _lock_file(self._fd, path)
            is_new = _fit(self._fd, path, size * _CELL_BYTES)
            self.values: MutableSequence[int] = _map(self._fd, size * _CELL_BYTES)
            if is_new:
                self.values[_LAYOUT_CELL] = layout
                self.values[_MAGIC_CELL] = _MAGIC
            self._check(layout)
            self.slot = self._lease_slot()
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        except BaseException:
            os.close(self._fd)
            raise
        _fork_guard.add(self)

    def acquire(self) -> bool:
        self._lock.acquire()
        if self._depth:
            self._depth += 1
            return True
        try:
            if self._fd < 0:
                raise LedgerError(errno.EBADF, f"{self.path}: is closed; open it again")  # noqa: TRY301
            _lock_file(self._fd, self.path)
        except BaseException:
            self._lock.release()
            raise
        self._depth = 1
        values = self.values
        was_complete = not values[_CHANGING_CELL]
        values[_CHANGING_CELL] = 1
        return was_complete

    def release(self) -> None:
        self._depth -= 1
        if not self._depth:
            self.values[_CHANGING_CELL] = 0
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        self._lock.release()

    def is_alive(self, slot: int) -> bool:
        if slot == self.slot:
            return True
        if not _lock_byte(self._fd, fcntl.F_WRLCK, slot):
            return True
        _lock_byte(self._fd, fcntl.F_UNLCK, slot)
        return False

    def close(self) -> None:
        """Give the slot back. To be used no longer."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def before_fork(self) -> None:
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """The parent's lock and lease belong to its open file; the child opens it anew and has its own."""
        try:
            if self._fd >= 0:
                inherited = self._fd
                self._fd = _open_again(inherited)
                os.close(inherited)
                _lock_file(self._fd, self.path)
                self.slot = self._lease_slot()
                fcntl.flock(self._fd, fcntl.LOCK_UN)
                self.on_fork()
        finally:
            self._lock.release()

    def _check(self, layout: int) -> None:
        if self.values[_MAGIC_CELL] != _MAGIC or self.values[_LAYOUT_CELL] != layout:
            raise not_ours(self.path)

    def _lease_slot(self) -> int:
        for slot in range(MAX_PROCESSES):
            if _lock_byte(self._fd, fcntl.F_WRLCK, slot):
                return slot
        raise LedgerError(
            errno.EUSERS,
            f"{self.path}: {MAX_PROCESSES} processes share it already; give others a directory of their own",
        )


def _do_nothing() -> None:
    """Nobody uses the cells yet."""


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o750, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o640)
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) and error.errno else errno.EINVAL
        raise LedgerError(
            number, f"{path}: {os.strerror(number)}; name a directory that this user can write"
        ) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise not_ours(path)
    return fd


def _fit(fd: int, path: Path, size_bytes: int) -> bool:
    """Give a new file its size.

    Returns:
        Whether it is new, or was left unfinished.
    """
    if os.fstat(fd).st_size not in {0, size_bytes}:
        raise not_ours(path)
    is_new = os.pread(fd, _CELL_BYTES, 0) in {b"", bytes(_CELL_BYTES)}
    try:
        if is_new:
            os.ftruncate(fd, 0)
        # Space is allocated, not left sparse: a write to a hole on a full disk would kill the process.
        os.posix_fallocate(fd, 0, size_bytes)
    except OSError as error:
        raise LedgerError(error.errno, f"{path}: {error.strerror}; make room on the disk") from error
    return is_new


def _lock_file(fd: int, path: Path) -> None:
    """Wait for it, but not for one who never gives it back: the others hold it for microseconds."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        pause_seconds = _FIRST_PAUSE_SECONDS
        while True:
            time.sleep(pause_seconds)
            pause_seconds = min(2 * pause_seconds, _LAST_PAUSE_SECONDS)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < give_up_at:
                    continue
                raise LedgerError(
                    errno.EBUSY, f"{path}: a process that has been stopped holds its lock; continue or end it"
                ) from None
            return


def _open_again(fd: int) -> int:
    """The same file with locks of its own, wherever its name has gone."""
    return os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)


def _map(fd: int, size_bytes: int) -> MutableSequence[int]:
    # A map keeps the file open that it was made of: were it ours, its locks would outlive `close`.
    other = _open_again(fd)
    try:
        return cast("MutableSequence[int]", memoryview(mmap.mmap(other, size_bytes)).cast("q"))
    finally:
        os.close(other)


def _lock_byte(fd: int, kind: int, slot: int) -> bool:
    """Lock or unlock a slot's byte for this open file, as only its last closing does otherwise."""
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, _LEASES_AT + slot, 1, 0))
    except (BlockingIOError, PermissionError):
        return False
    return True


def not_ours(path: Path) -> LedgerError:
    return LedgerError(errno.EINVAL, f"{path}: is no ledger of this version; move it away")


_fork_guard = ForkGuard()
