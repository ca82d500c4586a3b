"""Records that wait on disk until the database is back, each under its job's id; bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pipeline.layers.files import write_whole

MAX_RECORDS: Final = 10_000
MAX_RECORD_BYTES: Final = 8 * 1024 * 1024
_SUFFIX: Final = ".json"
_SET_ASIDE: Final = ".bad"


class OutboxFullError(Exception):
    """No more records can wait."""


class Outbox:
    """A directory of records. Several processes may use one: a record is saved twice at worst.

    One that comes in while the older one of its id is being saved waits on: see `remove`.
    """

    def __init__(self, directory: Path, *, max_records: int = MAX_RECORDS) -> None:
        self._directory = directory
        self._max_records = max_records

    def put(self, record: Mapping[str, Any]) -> None:
        """Keep the record, in the place of an older one of its `_id`.

        Raises:
            OutboxFullError: too many wait.
            OSError: it cannot be written.
        """
        path = self._path(record["_id"])
        if not path.exists() and sum(1 for _ in self._waiting()) >= self._max_records:
            raise OutboxFullError(f"{self._max_records} records wait already")
        write_whole(path, json.dumps(record).encode())

    def waiting(self, *, at_most: int) -> list[dict[str, Any]]:
        """Those that wait longest. What is no record is set aside under another name."""
        by_age = sorted(self._waiting(), key=lambda path: (_age(path), path.name))
        records = []
        for path in by_age[:at_most]:
            record = _read(path)
            if record is not None:
                records.append(record)
        return records

    def remove(self, record: Mapping[str, Any]) -> None:
        """Take out a record that is saved, unless another one of its id has come into its place.

        Raises:
            OSError: it cannot be removed.
        """
        path = self._path(record["_id"])
        if _read(path) == record:
            path.unlink(missing_ok=True)

    def set_aside(self, record: Mapping[str, Any]) -> None:
        """Keep a record that nobody can save under another name, where it does not wait."""
        _set_aside(self._path(record["_id"]))

    def _path(self, record_id: str) -> Path:
        if not (record_id.isascii() and record_id.isalnum()):
            raise ValueError(f"record id {record_id!r} is no file name")
        return self._directory / f"{record_id}{_SUFFIX}"

    def _waiting(self) -> Iterator[Path]:
        return self._directory.glob(f"[!.]*{_SUFFIX}")


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process has saved it
        return 0.0


def _read(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_RECORD_BYTES + 1)
    except OSError:
        return None
    try:
        record = json.loads(content) if len(content) <= MAX_RECORD_BYTES else None
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict) and record.get("_id") == path.stem:
        return record
    _set_aside(path)
    return None


def _set_aside(path: Path) -> None:
    path.replace(path.with_suffix(_SET_ASIDE))
