"""Whole numbers under one lock: in memory, or in a file that the processes of one host share.

A file is an array of native int64, mapped into memory: what is written is there for the others at once, and
survives the writer's `kill -9`. (Not a crash of the machine: what the kernel had not written by then is as it
was up to half a minute before.) Whoever changes it holds an flock on it. A process has a slot of its own in
it for as long as it holds a lock on one byte far behind the file's end: when it dies, the others see it.

The first cells are the same in each file: magic, layout, and whether somebody is changing it. Who dies or
is interrupted meanwhile leaves that set, and the next one makes the sums anew.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable, MutableSequence
from pathlib import Path
from typing import Final, Protocol

from pipeline.forks import ForkGuard
from pipeline.ledger.mapped_file import (
    CELL_BYTES,
    fit,
    lock_file,
    lock_slot,
    map_cells,
    not_ours,
    open_again,
    open_file,
    unlock_slot,
)
from pipeline.ledger.protocol import LedgerError

CHANGING: Final = 2
"""The cell that is not 0 while one change is made of several stores. Whoever makes it sets it."""

FIRST_FREE_CELL: Final = 4
MAX_PROCESSES: Final = 128
"""That share one file."""

_MAGIC: Final = int.from_bytes(b"ledger\x01\x00", "big")
_MAGIC_CELL, _LAYOUT_CELL = range(2)


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
            False: a change was begun and not ended; sums have to be made anew, and `CHANGING` set to 0.

        Raises:
            LedgerError: a process that has been stopped, or frozen, holds it; or this one has no slot.
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
        self._lock.acquire()
        return not self.values[CHANGING]

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
        self._why_closed = LedgerError(errno.EBADF, f"{path}: is closed; open it again")
        self._fd = open_file(path)
        try:
            lock_file(self._fd, path)
            is_new = fit(self._fd, path, size * CELL_BYTES)
            self.values: MutableSequence[int] = map_cells(self._fd, size * CELL_BYTES)
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
                raise LedgerError(self._why_closed.errno, self._why_closed.strerror)  # noqa: TRY301
            lock_file(self._fd, self.path)
        except BaseException:
            self._lock.release()
            raise
        self._depth = 1
        return not self.values[CHANGING]

    def release(self) -> None:
        self._depth -= 1
        if not self._depth:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        self._lock.release()

    def is_alive(self, slot: int) -> bool:
        if slot == self.slot:
            return True
        if not lock_slot(self._fd, slot):
            return True
        unlock_slot(self._fd, slot)
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
        """The parent's lock and lease belong to its open file; the child opens it anew and has its own.

        Where it gets none it is as if closed, and `acquire` says why.
        """
        try:
            if self._fd >= 0:
                inherited, self._fd = self._fd, -1
                try:
                    self._fd = open_again(inherited)
                finally:
                    os.close(inherited)
                lock_file(self._fd, self.path)
                self.slot = self._lease_slot()
                fcntl.flock(self._fd, fcntl.LOCK_UN)
                self.on_fork()
        except LedgerError as error:
            self.close()
            self._why_closed = error
        finally:
            self._lock.release()

    def _check(self, layout: int) -> None:
        if self.values[_MAGIC_CELL] != _MAGIC or self.values[_LAYOUT_CELL] != layout:
            raise not_ours(self.path)

    def _lease_slot(self) -> int:
        for slot in range(MAX_PROCESSES):
            if lock_slot(self._fd, slot):
                return slot
        raise LedgerError(
            errno.EUSERS,
            f"{self.path}: {MAX_PROCESSES} processes share it already; give others a directory of their own",
        )


def _do_nothing() -> None:
    """Nobody uses the cells yet."""


_fork_guard = ForkGuard()
