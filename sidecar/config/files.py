"""Read a small file, or say in words for the user why not."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Final

MAX_CONFIG_BYTES: Final = 1024 * 1024
MAX_SECRET_BYTES: Final = 64 * 1024


_noted: ContextVar[set[Path] | None] = ContextVar("noted_files", default=None)


@contextmanager
def noting_files() -> Iterator[set[Path]]:
    """Every file that is read inside, or was to be, gets into the set."""
    files: set[Path] = set()
    token = _noted.set(files)
    try:
        yield files
    finally:
        _noted.reset(token)


class FileError(Exception):
    """What is wrong with a file and what to do, after its name: `does not exist; …`."""


def read_text(path: Path, *, max_bytes: int) -> str:
    """Read a regular file of UTF-8, with or without a byte-order mark.

    Raises:
        FileError: it isn't there, isn't a file, can't be read, is too long or not UTF-8.
    """
    noted = _noted.get()
    if noted is not None:
        noted.add(path)
    try:
        # A pipe or device could block for ever or never end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise FileError("is not a regular file; give the path of one")
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise FileError("does not exist; create it or correct the path") from None
    except OSError as error:
        raise FileError(f"can't be read ({error.strerror}); allow it or correct the path") from None
    except ValueError:  # A path with NUL or unpaired surrogates in it.
        raise FileError("is not a path; correct it") from None
    if len(content) > max_bytes:
        raise FileError(f"is longer than {max_bytes} bytes; shorten it or correct the path")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"is not UTF-8 at byte {error.start}; save it as UTF-8") from None


def read_secret(path: Path) -> str:
    """Read a secret; the newlines at its end don't belong to it.

    Raises:
        FileError: as `read_text`, or there is nothing in it.
    """
    secret = read_text(path, max_bytes=MAX_SECRET_BYTES).rstrip("\r\n")
    if not secret.strip():
        raise FileError("is empty; write the secret into it")
    return secret
