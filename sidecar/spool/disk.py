"""Changes to the spool that are on the disk before anything builds on them."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from sidecar.spool.layout import UNFINISHED_SUFFIX

_MODE: Final = 0o640
_DIRECTORY_MODE: Final = 0o750


def sync_directory(directory: Path) -> None:
    """Renames and removals in it outlive a loss of power from now on."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_directory(directory: Path) -> None:
    """A directory of our own in the spool.

    Raises:
        NotADirectoryError: something else has its name, be it a link to a directory.
    """
    directory.mkdir(mode=_DIRECTORY_MODE, exist_ok=True)
    if directory.is_symlink():
        raise NotADirectoryError(f"{directory} is a link; the sidecar follows none in a spool")


def write_file(path: Path, content: bytes) -> None:
    """Under its name it is there as a whole or, after a crash, not at all; what was there is replaced.

    The name itself is durable only after `sync_directory`.
    """
    unfinished = path.with_name(path.name + UNFINISHED_SUFFIX)
    unfinished.unlink(missing_ok=True)
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)
    unfinished.rename(path)


def name_aside(name: str) -> str:
    """A name that nothing in the spool ever had, from which the old one can be told."""
    return f"{secrets.token_hex(8)}.{name}"
