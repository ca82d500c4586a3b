"""Jobs from files and directories."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Final

from pipeline.jobs.job import Job

SUFFIXES: Final = (".md", ".txt", ".html", ".htm", ".json")
STANDARD_INPUT: Final = Path("-")
MAX_POSTING_BYTES: Final = 1024 * 1024
_ID_CHARS: Final = 12


class UsageError(Exception):
    """What the user asked for cannot be done; the message is one line and names the remedy."""


def find_sources(
    paths: Iterable[Path],
    *,
    may_be_empty: bool = False,
    leave_out: Callable[[UsageError], None] | None = None,
) -> list[Path]:
    """The files that those paths mean, each once: a directory stands for its postings, in order of name.

    With `leave_out`, a path that cannot be used is told to it, and the others count all the same.

    Raises:
        UsageError: a path is missing, is neither file nor directory, or is a directory without a posting,
            unless that `may_be_empty`.
    """
    sources: dict[Path, Path] = {}
    for path in paths:
        try:
            found = _sources_at(path, may_be_empty=may_be_empty)
        except UsageError as error:
            if leave_out is None:
                raise
            leave_out(error)
            continue
        for source in found:
            sources.setdefault(source.resolve(), source)
    return list(sources.values())


def read_job(source: Path) -> Job:
    """Read one file. Never raises for what is in it or that it cannot be read: the job says so."""
    try:
        with source.open("rb") as file:
            content = file.read(MAX_POSTING_BYTES + 1)
    except OSError as error:
        return _unreadable(source, f"the file cannot be read: {error.strerror}")
    text, unreadable = decode(content)
    id_ = job_id(os.fsencode(source.resolve()), content)
    return Job(id=id_, source=str(source), text=text, unreadable=unreadable)


def read_standard_input(stream: BinaryIO) -> Job:
    """One posting from a stream, read to its end or to what is too long. Raises nothing, as `read_job`."""
    try:
        content = stream.read(MAX_POSTING_BYTES + 1)
    except OSError as error:
        return _unreadable(STANDARD_INPUT, f"standard input cannot be read: {error.strerror}")
    text, unreadable = decode(content)
    return Job(id=job_id(b"-", content), source="-", text=text, unreadable=unreadable)


def job_id(where: bytes, content: bytes) -> str:
    """The same for the same place with the same content."""
    digest = hashlib.sha256(where)
    digest.update(b"\0")
    digest.update(content)
    return digest.hexdigest()[:_ID_CHARS]


def printable(value: object) -> str:
    """For a terminal: what would steer it or break the line is escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in str(value)
    )


def _sources_at(path: Path, *, may_be_empty: bool) -> list[Path]:
    shown = printable(path)
    try:
        if path.is_dir():
            found = sorted(
                entry for entry in path.iterdir() if entry.suffix.lower() in SUFFIXES and entry.is_file()
            )
            if not found and not may_be_empty:
                raise UsageError(
                    f"PATH: {shown} holds no posting; put files there that end in {', '.join(SUFFIXES)}"
                )
            return found
        if path.is_file():
            return [path]
        if path.exists():
            raise UsageError(f"PATH: {shown} is neither a file nor a directory; name one that is")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no valid path"
        raise UsageError(
            f"PATH: {shown} cannot be read: {reason}; name a file or directory that can"
        ) from None
    raise UsageError(f"PATH: {shown} does not exist; name a posting or a directory of postings")


def _unreadable(source: Path, reason: str) -> Job:
    id_ = job_id(os.fsencode(source.resolve()), b"")
    return Job(id=id_, source=str(source), text=None, unreadable=reason)


def decode(content: bytes) -> tuple[str | None, str | None]:
    """The text, or why there is none."""
    if len(content) > MAX_POSTING_BYTES:
        return None, f"the file is longer than {MAX_POSTING_BYTES} bytes; cut it down to the posting"
    if b"\0" in content:
        return None, "the file is binary; save the posting as UTF-8 text"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, f"the file is not UTF-8 (byte {error.start}); save the posting as UTF-8 text"
    if not text.strip():
        return None, "the file is empty; put the posting into it"
    return text, None
