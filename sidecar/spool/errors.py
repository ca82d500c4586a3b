from __future__ import annotations

import errno
from typing import Final

_SHORTAGE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class BadFileError(ValueError):
    """The file does not hold what the format says; the message is one line."""


def is_shortage(error: OSError) -> bool:
    """Whether it says nothing of the file: too many are open, or memory is short."""
    return error.errno in _SHORTAGE


def raise_shortage(error: OSError) -> None:
    """Raise it again if it says nothing of the file."""
    if is_shortage(error):
        raise error


def is_disk_full(error: OSError) -> bool:
    """Whether there is no room for more, on the disk or for this user."""
    return error.errno in _FULL
