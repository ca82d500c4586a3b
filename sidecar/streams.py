"""Standard output and standard error of a command, whatever they are: closed, full, or read by nobody.

Results go to standard output, and a command whose result nobody can have has failed. Notices go to standard
error, and that nobody reads them changes nothing.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO, cast

_NOT_TO_BE_WRITTEN: Final = (OSError, ValueError)
"""A disk that is full, a reader that has gone; and a stream that is closed."""


class OutputError(Exception):
    """Standard output takes no more. The text says why; there is none where its reader has gone."""


def open_closed_streams() -> None:
    """Put the null device where a shell has closed a stream, so that no other file takes its place.

    From then on, what standard output cannot encode is escaped there.
    """
    if sys.stdin is None:
        sys.stdin = _null("r")
    if sys.stdout is None:
        sys.stdout = _null("w")
    if sys.stderr is None:
        sys.stderr = _null("w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def print_result(text: str, *, end: str = "\n") -> None:
    """Write to standard output, and out of this process at once.

    Raises:
        OutputError: it takes no more; the command can only end.
    """
    try:
        sys.stdout.write(text + end)
        sys.stdout.flush()
    except _NOT_TO_BE_WRITTEN as error:
        if isinstance(error, BrokenPipeError):
            raise OutputError from error
        raise OutputError(error.strerror if isinstance(error, OSError) else "it is closed") from error


def print_notice(text: str, *, end: str = "\n") -> None:
    """Write to standard error, if that can be written."""
    with suppress(*_NOT_TO_BE_WRITTEN):
        sys.stderr.write(text + end)
        sys.stderr.flush()


def end_streams() -> None:
    """Before the process ends: the interpreter makes 120 of its status if it cannot flush them."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except _NOT_TO_BE_WRITTEN:
            _lead_nowhere(stream)


def one_line(text: str) -> str:
    """Text that steers no terminal, whoever wrote it."""
    return "".join(character if character.isprintable() else "�" for character in text)


def _lead_nowhere(stream: TextIO) -> None:
    """What is left in the buffer would be complained about again and again."""
    with suppress(*_NOT_TO_BE_WRITTEN), _null("w") as null:
        os.dup2(null.fileno(), stream.fileno())


def _null(mode: str) -> TextIO:
    return cast("TextIO", Path(os.devnull).open(mode, encoding="utf-8"))
