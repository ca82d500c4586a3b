"""Standard output and error, whatever they are: a job does not end because somebody cannot be told."""

from __future__ import annotations

import io
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO, cast

log = logging.getLogger(__name__)

_STANDARD_OUTPUT: Final = 1


class OutputError(Exception):
    """Standard output cannot be written; the text says why."""


def open_closed_streams() -> None:
    """Put the null device where a shell has closed a stream, so that no other file takes its place.

    From then on, what standard output cannot encode is escaped there.
    """
    if sys.stdin is None:
        sys.stdin = _null("r")
    open_closed_outputs()


def open_closed_outputs() -> None:
    """The same without standard input, of which a command may want to know that it is closed."""
    if sys.stdout is None:
        sys.stdout = _null("w")
    if sys.stderr is None:
        sys.stderr = _null("w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def tell(text: str) -> None:
    """Write to standard output; where that takes no more, a warning is the last that is heard of it.

    Raises:
        BrokenPipeError: whoever read has gone.
    """
    try:
        print_result(text)
    except OutputError as error:
        log.warning("output.lost reason=%s; jobs go on, and nothing more is told of them", error)


def print_result(text: str) -> None:
    """Write to standard output what a command was asked for.

    Raises:
        BrokenPipeError: whoever read has gone.
        OutputError: it takes no more; from now on it takes everything, and leads nowhere.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        # What is left in the buffer would be complained about again and again.
        sys.stdout = _null("w")
        os.dup2(sys.stdout.fileno(), _STANDARD_OUTPUT)
        reason = error.strerror if isinstance(error, OSError) else "it is closed"
        raise OutputError(reason) from error


def notify(text: str) -> None:
    """Write to standard error, if that can be written."""
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def end_standard_error() -> None:
    """Before the process ends: the interpreter makes 120 of its status if it cannot flush it."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError), _null("w") as null:
            os.dup2(null.fileno(), sys.stderr.fileno())


def _null(mode: str) -> TextIO:
    return cast("TextIO", Path(os.devnull).open(mode, encoding="utf-8"))
