"""The file behind shared cells: opened, made as long as it has to be, mapped into memory, locked."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import struct
import time
from collections.abc import MutableSequence
from pathlib import Path
from typing import Final, cast

from pipeline.ledger.protocol import LedgerError

CELL_BYTES: Final = 8

_FLOCK: Final = struct.Struct("@hhqqi")  # struct flock of Linux on 64 bits
_LEASES_AT: Final = 1 << 40
_PATIENCE_SECONDS: Final = 1.0
_FIRST_PAUSE_SECONDS: Final = 20e-6
_LAST_PAUSE_SECONDS: Final = 0.01


def open_file(path: Path) -> int:
    """Open it, or create it in a directory that is there or whose parent is. Raises LedgerError."""
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


def fit(fd: int, path: Path, size_bytes: int) -> bool:
    """Give a new file its size.

    Returns:
        Whether it is new, or was left unfinished.

    Raises:
        LedgerError: it is none of ours, or the disk is full.
    """
    if os.fstat(fd).st_size not in {0, size_bytes}:
        raise not_ours(path)
    is_new = os.pread(fd, CELL_BYTES, 0) in {b"", bytes(CELL_BYTES)}
    try:
        if is_new:
            os.ftruncate(fd, 0)
        # Space is allocated, not left sparse: a write to a hole on a full disk would kill the process.
        os.posix_fallocate(fd, 0, size_bytes)
    except OSError as error:
        raise LedgerError(error.errno, f"{path}: {error.strerror}; make room on the disk") from error
    return is_new


def lock_file(fd: int, path: Path) -> None:
    """Wait for it, but not for one who never gives it back: the others hold it for microseconds.

    Raises:
        LedgerError: somebody holds it for a second.
    """
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


def open_again(fd: int) -> int:
    """The same file with locks of its own, wherever its name has gone. Raises LedgerError."""
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise LedgerError(error.errno, f"a ledger can't be opened once more: {error.strerror}") from error


def map_cells(fd: int, size_bytes: int) -> MutableSequence[int]:
    # A map keeps the file open that it was made of: were it ours, its locks would outlive `close`.
    other = open_again(fd)
    try:
        return cast("MutableSequence[int]", memoryview(mmap.mmap(other, size_bytes)).cast("q"))
    finally:
        os.close(other)


def lock_slot(fd: int, slot: int) -> bool:
    """Lock the slot's byte for this open file, until its last closing. False: another one has it."""
    try:
        _change_lock(fd, fcntl.F_WRLCK, slot)
    except (BlockingIOError, PermissionError):
        return False
    return True


def unlock_slot(fd: int, slot: int) -> None:
    _change_lock(fd, fcntl.F_UNLCK, slot)


def _change_lock(fd: int, kind: int, slot: int) -> None:
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, _LEASES_AT + slot, 1, 0))


def not_ours(path: Path) -> LedgerError:
    return LedgerError(errno.EINVAL, f"{path}: is no ledger of this version; move it away")
