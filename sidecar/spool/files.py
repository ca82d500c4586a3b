"""One metric file of the spool, in prometheus_client's multiprocess format.

A native int32 `used`, four bytes of padding, then entries: an int32 key length, the key as JSON
`[family, sample, {labels}, help]` padded with 1 to 8 spaces, a float64 value, a float64 timestamp.
"""

from __future__ import annotations

import json
import os
import re
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

MAX_FILE_BYTES: Final = 256 * 1024 * 1024

_FILE_NAME: Final = re.compile(
    r"(?:(?P<type>counter|histogram|summary)|gauge_(?P<mode>(?:live)?(?:all|min|max|sum|mostrecent)))"
    r"_(?P<worker>.+)\.db"
)
_METRIC_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_SUFFIXES: Final = frozenset({"", "_total", "_bucket", "_sum", "_count", "_created"})
_HEADER_BYTES: Final = 8
_LENGTH: Final = struct.Struct("i")
_VALUE: Final = struct.Struct("dd")


class BadFileError(ValueError):
    """The file does not hold what the format says; the message is one line."""


class FileName(NamedTuple):
    type: str
    mode: str
    worker: str


class Entry(NamedTuple):
    family: str
    sample: str
    labels: tuple[tuple[str, str], ...]
    help: str
    value: float
    timestamp: float


@dataclass(frozen=True, slots=True)
class MetricFile:
    name: FileName
    entries: tuple[Entry, ...]


def parse_name(file_name: str) -> FileName:
    """Type, gauge mode ("" for other types) and worker of a metric file.

    Raises:
        BadFileError: it is not the name of a metric file.
    """
    match = _FILE_NAME.fullmatch(file_name)
    if match is None:
        raise BadFileError("the name is not that of a metric file")
    return FileName(match["type"] or "gauge", match["mode"] or "", match["worker"])


def read_file(path: Path) -> MetricFile:
    """Read one file as it is now; its owner may be writing.

    Raises:
        BadFileError: no regular file of the format.
        FileNotFoundError: it has gone.
    """
    name = parse_name(path.name)
    entries = tuple(_entries(_read_bytes(path)))
    if name.type == "histogram":
        _check_bounds(entries)
    return MetricFile(name, entries)


def _read_bytes(path: Path) -> bytes:
    try:
        # Not through a link out of the spool, and without waiting at a FIFO.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BadFileError(error.strerror or "cannot be opened") from error
    try:
        return _read_used(fd)
    except OSError as error:
        raise BadFileError(error.strerror or "cannot be read") from error
    finally:
        os.close(fd)


def _read_used(fd: int) -> bytes:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise BadFileError("not a regular file")
    header = os.pread(fd, _HEADER_BYTES, 0)
    if len(header) < _HEADER_BYTES:
        raise BadFileError("shorter than its header")
    used = _LENGTH.unpack_from(header)[0]
    if used == 0:
        return b""
    if not _HEADER_BYTES <= used <= min(status.st_size, MAX_FILE_BYTES):
        raise BadFileError(f"says that {used} of its {status.st_size} bytes are used")
    return os.pread(fd, used - _HEADER_BYTES, _HEADER_BYTES)


def _entries(data: bytes) -> Iterator[Entry]:
    position = 0
    while position < len(data):
        try:
            length = _LENGTH.unpack_from(data, position)[0]
            start = position + _LENGTH.size
            if length < 0:
                raise BadFileError(f"a key of {length} bytes")
            end = start + length
            # Padded so that the value is aligned to 8 bytes from the start of the file.
            position = end + 8 - (length + _LENGTH.size) % 8
            value, timestamp = _VALUE.unpack_from(data, position)
            position += _VALUE.size
            yield _entry(data[start:end], value, timestamp)
        except struct.error as error:
            raise BadFileError("an entry goes on past the end") from error


def _entry(key: bytes, value: float, timestamp: float) -> Entry:
    try:
        family, sample, labels, help_text = json.loads(key)
        pairs = tuple(sorted(labels.items()))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BadFileError("a key that is not [family, sample, labels, help]") from error
    texts = (family, sample, help_text, *(text for pair in pairs for text in pair))
    if not all(isinstance(text, str) for text in texts):
        raise BadFileError("a key whose parts are not all text")
    suffix = sample.removeprefix(family)
    if not _METRIC_NAME.fullmatch(family) or not sample.startswith(family) or suffix not in _SUFFIXES:
        raise BadFileError("a sample that is not named for its metric")
    if not all(_LABEL_NAME.fullmatch(name) for name, _ in pairs):
        raise BadFileError("a label without a proper name")
    labels_shown = tuple((name, _encodable(text)) for name, text in pairs)
    return Entry(family, sample, labels_shown, _encodable(help_text), value, timestamp)


def _encodable(text: str) -> str:
    """JSON can hold half of a surrogate pair, which no exposition can; it becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _check_bounds(entries: tuple[Entry, ...]) -> None:
    for bound in {text for entry in entries for label, text in entry.labels if label == "le"}:
        try:
            float(bound)
        except ValueError as error:
            raise BadFileError("a bucket whose bound is not a number") from error
