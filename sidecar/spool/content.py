"""The bytes of one metric file, as they are now.

Read, not mapped into memory: a mapped file that somebody truncates kills the process that looks at it, and
Python holds a file descriptor for each mapping. Into memory that is used again a read costs little more.
"""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from sidecar.spool.columns import HEADER_BYTES, LENGTH
from sidecar.spool.errors import BadFileError, raise_shortage

MAX_FILE_BYTES: Final = 256 * 1024 * 1024

FIRST_BYTES: Final = 1 << 16
_KEPT_BYTES: Final = 32 * 1024 * 1024
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Not through a link out of the spool, and without waiting at a FIFO."""
_GET_GENERATION: Final = 0x80087601
"""FS_IOC_GETVERSION of linux/fs.h: tells apart two files that had the same inode one after the other."""


class Scratch:
    """Memory that is used for one file after the other; fresh memory costs more than the read."""

    def __init__(self) -> None:
        self._kept = memoryview(bytearray(FIRST_BYTES))

    def of(self, size: int) -> memoryview:
        """So many bytes or more, with whatever was in them; they are good until the next call."""
        if size > len(self._kept):
            if size > _KEPT_BYTES:
                return memoryview(bytearray(size))
            self._kept = memoryview(bytearray(max(size, 2 * len(self._kept))))
        return self._kept


class Content(NamedTuple):
    """What a file held at one time."""

    used: int
    """Bytes that are used, header included."""
    data: memoryview
    """These bytes and more; they are good until the scratch memory is used again."""
    modified_ns: int


def open_file(path: Path) -> int:
    """A file descriptor of the path, whatever it turns out to be.

    Raises:
        BadFileError: it cannot be opened.
        FileNotFoundError: it has gone.
        OSError: too many files are open, or memory is short.
    """
    try:
        return os.open(path, _FLAGS)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise_shortage(error)
        raise BadFileError(error.strerror or "cannot be opened") from error


def read_content(fd: int, scratch: Scratch, likely_used: int = FIRST_BYTES) -> Content:
    """Read one metric file; its owner may be writing.

    Args:
        fd: the open file.
        scratch: the memory to read into.
        likely_used: what was used when the file was read last.

    Raises:
        BadFileError: no regular file, or it does not have the bytes that it says.
        OSError: memory is short.
    """
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise BadFileError("not a regular file")
    try:
        data = scratch.of(likely_used)
        # A file that has not grown is read in one go, and not the rest of it, which is empty.
        count = os.preadv(fd, (data[:likely_used],), 0)
        if count < HEADER_BYTES:
            raise BadFileError("shorter than its header")
        used: int = LENGTH.unpack_from(data)[0]
        if used == 0:
            used = HEADER_BYTES
        if not HEADER_BYTES <= used <= min(status.st_size, MAX_FILE_BYTES):
            raise BadFileError(f"says that {used} of its {status.st_size} bytes are used")
        if used > count:
            data = scratch.of(used)
            if os.preadv(fd, (data[:used],), 0) < used:
                raise BadFileError("has become shorter")
    except OSError as error:
        raise_shortage(error)
        raise BadFileError(error.strerror or "cannot be read") from error
    return Content(used, data, status.st_mtime_ns)


def read_damaged(fd: int, scratch: Scratch) -> memoryview:
    """What is there of a file that `read_content` refuses: so much as it says is used, as far as it goes."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        return memoryview(b"")
    size = min(status.st_size, MAX_FILE_BYTES)
    data = scratch.of(size)
    try:
        count = os.preadv(fd, (data[:size],), 0)
    except OSError:
        return memoryview(b"")
    used: int = LENGTH.unpack_from(data)[0] if count >= HEADER_BYTES else 0
    return data[: max(0, min(count, used))]


def read_again(fd: int, scratch: Scratch, used: int) -> memoryview | None:
    """Read a file of which so many bytes were used, and still should be; None if that is not so."""
    data = scratch.of(used)
    try:
        if os.preadv(fd, (data[:used],), 0) == used and LENGTH.unpack_from(data)[0] == used:
            return data
    except OSError:
        pass
    return None


def generation(fd: int) -> bytes | None:
    """What tells the file from one that had its inode before; None where the file system does not say."""
    try:
        return fcntl.ioctl(fd, _GET_GENERATION, bytes(8))
    except OSError:
        return None
