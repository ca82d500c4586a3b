"""Changes to the spool that are on the disk before anything builds on them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from sidecar.spool.layout import UNFINISHED_SUFFIX

_MODE: Final = 0o640
_DIRECTORY_MODE: Final = 0o750
_NO_SUCH_FILE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO})
"""Nothing, or a link or a socket: never a file of ours."""


def concerns_one_file(error: OSError) -> bool:
    """Whether others can be moved all the same: only its owner may (sticky bit), or its name is too long."""
    return error.errno in {errno.EPERM, errno.EACCES, errno.ENAMETOOLONG}


def sync_directory(directory: Path, *, through_link: bool = False) -> None:
    """Renames and removals in it outlive a loss of power from now on. The spool itself may be a link.

    Raises:
        OSError: it cannot be opened, as a link that is not to be followed.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    fd = os.open(directory, flags if through_link else flags | os.O_NOFOLLOW)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_whole(path: Path, max_bytes: int) -> bytes | None:
    """The file's content; None if it is not there, is no regular file, or is larger.

    Raises:
        OSError: it cannot be looked at, which says nothing of what it is.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NO_SUCH_FILE:
            return None
        raise
    with os.fdopen(fd, "rb", closefd=True) as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
            return None
        return file.read(max_bytes)


def require_directories(*directories: Path) -> None:
    """Of ours in the spool, each either not there yet or a directory.

    Raises:
        NotADirectoryError: a link stands there, and what it leads to is not ours to change.
    """
    for directory in directories:
        if directory.is_symlink():
            raise NotADirectoryError(
                errno.ENOTDIR, "a link, and the sidecar follows none in a spool", str(directory)
            )


def make_directory(directory: Path) -> None:
    """A directory of our own in the spool.

    Raises:
        NotADirectoryError: something else has its name, be it a link to a directory.
    """
    directory.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
    require_directories(directory)


def write_file(path: Path, content: bytes) -> None:
    """Under its name it is there as a whole or, after a crash, not at all; what was there is replaced.

    The name itself is durable only after `sync_directory`.
    """
    unfinished = path.with_name(path.name + UNFINISHED_SUFFIX)
    unfinished.unlink(missing_ok=True)
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)
        unfinished.rename(path)
    except OSError:
        # On a full disk half a file takes room that others need.
        unfinished.unlink(missing_ok=True)
        raise
