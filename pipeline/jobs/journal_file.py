"""The file of a journal: lines at its end, each there as a whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Final, Self

MAX_JOURNAL_BYTES: Final = 64 * 1024 * 1024


class JobTakenError(Exception):
    """Another process is running this job."""


class JournalFile:
    """One process's, from opening to closing. Every method that writes says why it could not.

    Attributes:
        size: Of the whole lines in the file, in bytes.
    """

    def __init__(self, descriptor: int | None = None, length: int = 0) -> None:
        """Without a descriptor nothing is written; `length` is the file's, in bytes."""
        self._descriptor = descriptor
        self._length_at_first = length
        self._begins: list[int] = []
        """Where each line begins, in bytes."""
        self._waiting: list[bytes] = []
        self.size = 0

    @classmethod
    def open(cls, path: str | Path) -> tuple[Self, bytes]:
        """Open or create the file and lock it; the second is what is in there, for `found` and `cut_rest`.

        Raises:
            JobTakenError: another process has it open.
            OSError: it cannot be opened, locked or read.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = os.fstat(descriptor).st_size
            content = os.pread(descriptor, min(size, MAX_JOURNAL_BYTES), 0) if size else b""
        except BlockingIOError:
            os.close(descriptor)
            raise JobTakenError from None
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, size), content

    def close(self) -> None:
        """Give the lock back; what waits is lost."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def found(self, line: bytes) -> None:
        """This line is in the file, after those that were found before it."""
        self._begins.append(self.size)
        self.size += len(line)

    def cut_rest(self) -> None:
        """Drop what was there at first beyond the lines that were found. Raises OSError: as `cut`."""
        if self._length_at_first > self.size:
            self.cut()

    def cut(self) -> None:
        """Leave nothing behind the last whole line. Raises OSError: it cannot be cut."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, self.size)

    def clear(self) -> None:
        """Leave no line. Raises OSError: as `cut`."""
        self.size = 0
        self._begins.clear()
        self._waiting.clear()
        self.cut()

    def defer(self, line: bytes) -> None:
        """Write the line together with the next one."""
        self._waiting.append(line)

    def append(self, line: bytes) -> str | None:
        """Write the line, after those that wait; returns why that cannot be. Those then go on waiting."""
        if self._descriptor is None:
            return None
        waiting = self._waiting
        content = b"".join((*waiting, line)) if waiting else line
        try:
            written = os.write(self._descriptor, content)
            while written < len(content):
                # The rest says why it did not fit, if it does not.
                written += os.write(self._descriptor, content[written:])
        except OSError as error:
            with contextlib.suppress(OSError):
                self.cut()
            return error.strerror
        for whole in waiting:
            self.found(whole)
        waiting.clear()
        self.found(line)
        return None

    def flush(self) -> str | None:
        """Write the lines that wait; returns why that cannot be."""
        return self.append(self._waiting.pop()) if self._waiting else None

    def drop_last(self) -> bool:
        """Make room: drop the last line, be it written or waiting; False where there is none."""
        if self._waiting:
            self._waiting.pop()
            return True
        if not self._begins:
            return False
        self.size = self._begins.pop()
        with contextlib.suppress(OSError):
            self.cut()
        return True
