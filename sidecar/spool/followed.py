"""One metric file from reading to reading: its keys are parsed once, its values read each time."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sidecar.spool.columns import EMPTY, columns_of, readable_columns
from sidecar.spool.content import (
    FIRST_BYTES,
    Scratch,
    generation,
    open_file,
    read_again,
    read_content,
    read_damaged,
)
from sidecar.spool.descriptors import Descriptors
from sidecar.spool.errors import BadFileError
from sidecar.spool.file_times import is_settled
from sidecar.spool.files import FileName, MetricFile, metric_file
from sidecar.spool.merge import Kind, Layout
from sidecar.spool.rules import Row, rule_of

_TRUSTED_FOR: Final = 3
"""Readings after one that looked closely: somebody who writes over the keys does not move the values."""


class FollowedFile:
    """What was last read of a file, and how to read it again. A read that fails changes nothing."""

    def __init__(self, name: FileName, *, is_merged: bool) -> None:
        """Take `is_merged` for a file of the merged dead."""
        self.name = name
        self.kind = Kind(name.type, name.mode)
        self.layout = Layout(EMPTY, self.kind.worker_in_labels(name.worker))
        rule = rule_of(name.mode)
        self._rows = rule.rows_of_merged if is_merged else rule.rows
        self._stamped = is_merged or rule.stamped
        self._values: Sequence[float] = ()
        self._timestamps: Sequence[float] = ()
        """One for each value where they count, else none."""
        self._fd: int | None = None
        self._generation: bytes | None = None
        self._used = 0
        self._trusted_for = 0
        self._modified_ns = 0
        self._checked_ns = 0

    def read(self, path: Path, scratch: Scratch, descriptors: Descriptors) -> None:
        """Take in what the file holds now.

        Args:
            path: where it is now.
            scratch: memory for what is read.
            descriptors: how many files may stay open.

        Raises:
            BadFileError: it is damaged; what was read before stays, or else what stands before the damage.
            FileNotFoundError: it has gone.
            OSError: too many files are open, or memory is short.
        """
        fd = self._fd
        if fd is not None:
            self._read(fd, scratch)
            return
        fd = open_file(path)
        try:
            try:
                self._read(fd, scratch)
            except BadFileError:
                self._take_readable_part(fd, scratch)
                raise
            if descriptors.keep(self):
                self._fd = fd
        finally:
            if self._fd is None:
                os.close(fd)

    def __del__(self) -> None:
        if self._fd is not None:
            os.close(self._fd)

    @property
    def was_read(self) -> bool:
        """Whether it ever was as it should be."""
        return self._used > 0

    def rows(self) -> list[Row]:
        """What it contributes to what is merged."""
        return self._rows(self._values, self._timestamps)

    def last_good(self) -> MetricFile:
        """What was last read of it."""
        return metric_file(
            self.name, self.layout.columns, self._values, self._timestamps or (0.0,) * len(self._values)
        )

    def _read(self, fd: int, scratch: Scratch) -> None:
        # One that was opened anew can be another file, in the place of that which was read before.
        is_the_same = fd == self._fd
        data = read_again(fd, scratch, self._used) if is_the_same and self._trusted_for > 0 else None
        if data is None:
            self._trusted_for = 0
            data = self._look_closely(fd, scratch)
            self._trusted_for = _TRUSTED_FOR
        else:
            self._trusted_for -= 1
        self._values = self.layout.columns.values(data, read_often=is_the_same)
        self._timestamps = self._timestamps_in(data)

    def _take_readable_part(self, fd: int, scratch: Scratch) -> None:
        """Of a file that was never read: what its quarantine will keep, so that it counts all the time."""
        if self.was_read or self.layout.columns.keys:
            return
        data = read_damaged(fd, scratch)
        columns = readable_columns(data, buckets=self.name.type == "histogram")
        if columns.keys:
            self.layout = Layout(columns, self.layout.worker)
            self._values = columns.values(data)
            self._timestamps = self._timestamps_in(data)

    def _timestamps_in(self, data: memoryview) -> Sequence[float]:
        return self.layout.columns.timestamps(data) if self._stamped else ()

    def _look_closely(self, fd: int, scratch: Scratch) -> memoryview:
        """Read the file, and see what has become of its keys if they may have changed.

        Writes through a mapping, which is how values change, move the time of modification seldom or never.
        """
        used, data, modified_ns = read_content(fd, scratch, self._used or FIRST_BYTES)
        if (
            used != self._used
            or modified_ns != self._modified_ns
            or not is_settled(modified_ns, self._checked_ns)
        ):
            now_ns = time.time_ns()
            self._check(fd, data, used)
            self._modified_ns, self._checked_ns, self._used = modified_ns, now_ns, used
        return data

    def _check(self, fd: int, data: memoryview, used: int) -> None:
        """See that the keys are those that were parsed before, and parse what was appended."""
        before = self.layout.columns if self.was_read else EMPTY
        if used < before.used or not before.begin(data):
            # Keys are never taken back, so this is damage, or another file that was given the inode.
            if self._generation == generation(fd):
                raise BadFileError("what was written is no longer there")
            before = EMPTY
        columns = columns_of(data, used, buckets=self.name.type == "histogram", before=before)
        self.layout = Layout(columns, self.layout.worker)
        if before is EMPTY:
            self._generation = generation(fd)
