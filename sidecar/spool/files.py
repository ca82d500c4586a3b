"""One metric file of the spool, in prometheus_client's multiprocess format.

A native int32 `used`, four bytes of padding, then entries: an int32 key length, the key as JSON
`[family, sample, {labels}, help]` padded with 1 to 8 spaces, a float64 value, a float64 timestamp.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path
from typing import Final, NamedTuple

from sidecar.spool.columns import Columns, columns_of, readable_columns
from sidecar.spool.content import MAX_FILE_BYTES, Scratch, open_file, read_content, read_damaged
from sidecar.spool.errors import BadFileError
from sidecar.spool.keys import Key

__all__ = [
    "MAX_FILE_BYTES",
    "BadFileError",
    "Entry",
    "FileName",
    "MetricFile",
    "metric_file",
    "parse_name",
    "read_damaged_file",
    "read_file",
]

_FILE_NAME: Final = re.compile(
    r"(?:(?P<type>counter|histogram|summary)|gauge_(?P<mode>(?:live)?(?:all|min|max|sum|mostrecent)))"
    r"_(?P<worker>.+)\.db"
)


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


def read_file(path: Path, name: FileName | None = None) -> MetricFile:
    """Read one file as it is now; its owner may be writing. `name` is that of its worker's time.

    Raises:
        BadFileError: no regular file of the format.
        FileNotFoundError: it has gone.
    """
    if name is None:
        name = parse_name(path.name)
    fd = open_file(path)
    try:
        used, data, _ = read_content(fd, Scratch())
    finally:
        os.close(fd)
    columns = columns_of(data, used, buckets=name.type == "histogram")
    return metric_file(name, columns, columns.values(data), columns.timestamps(data))


def metric_file(
    name: FileName, columns: Columns, values: Sequence[float], timestamps: Sequence[float]
) -> MetricFile:
    """The file that holds these values, and these timestamps behind them: one of each for every key."""
    entries = starmap(_entry, zip(columns.keys, values, timestamps, strict=True))
    return MetricFile(name, tuple(entries))


def read_damaged_file(path: Path, name: FileName) -> MetricFile:
    """What stands before the damage.

    Raises:
        BadFileError: it cannot be opened.
        FileNotFoundError: it has gone.
    """
    fd = open_file(path)
    try:
        data = read_damaged(fd, Scratch())
    finally:
        os.close(fd)
    columns = readable_columns(data, buckets=name.type == "histogram")
    if not columns.keys:
        return MetricFile(name, ())
    return metric_file(name, columns, columns.values(data), columns.timestamps(data))


def _entry(key: Key, value: float, timestamp: float) -> Entry:
    return Entry(key.family, key.sample, key.labels, key.help, value, timestamp)
