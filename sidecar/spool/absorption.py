"""Files of the dead to a few that say the same, by prometheus_client's rules, buckets un-accumulated."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

from sidecar.spool.columns import Columns, columns_of
from sidecar.spool.content import Scratch, open_file, read_content
from sidecar.spool.files import Entry
from sidecar.spool.gathering import Column, Gathering
from sidecar.spool.keys import Key
from sidecar.spool.merge import Kind
from sidecar.spool.metric_bytes import to_bytes
from sidecar.spool.rules import Row, Rule, rule_of
from sidecar.spool.sources import Source, State

_WORKER: Final = "compacted"
_ROWS_KEPT: Final = 256
"""Of one layout, before they are reduced to a few: bounds memory, and how long one step takes."""


class Absorption:
    """What is merged so far."""

    def __init__(self, breathe: Callable[[], None] = lambda: None) -> None:
        """Take what is called between two steps, to let others run."""
        self._breathe = breathe
        self._scratch = Scratch()
        self._kinds: dict[Kind, dict[Columns, list[Row]]] = {}

    def add(self, source: Source) -> None:
        """Take in a file of a dead worker, or of the generation before.

        Raises:
            BadFileError: it is damaged, and nothing of it is taken in.
            FileNotFoundError: it has gone.
        """
        self._breathe()
        kind = Kind(source.name.type, source.name.mode)
        rule = rule_of(kind.mode)
        fd = open_file(source.path)
        try:
            used, data, _ = read_content(fd, self._scratch)
        finally:
            os.close(fd)
        columns = columns_of(data, used, buckets=kind.type == "histogram")
        if not columns.keys:
            return
        of_file = rule.rows_of_merged if source.state is State.COMPACTED else rule.rows
        layouts = self._kinds.setdefault(kind, {})
        rows = layouts.setdefault(columns, [])
        rows += of_file(columns.values(data), columns.timestamps(data))
        if len(rows) >= _ROWS_KEPT:
            layouts[columns] = rule.reduce(rows)

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """File name and content of each file of the generation."""
        for kind, layouts in self._kinds.items():
            self._breathe()
            rule = rule_of(kind.mode)
            entries = _entries(*_merged(layouts, rule), rule)
            prefix = f"{kind.type}_{kind.mode}" if kind.mode else kind.type
            yield f"{prefix}_{_WORKER}.db", to_bytes(entries)


def _merged(layouts: dict[Columns, list[Row]], rule: Rule) -> tuple[list[Key], list[Row]]:
    """All series, and a few rows with an item for each of them."""
    keys: dict[object, Key] = {}
    columns_of_series: dict[object, list[Column]] = {}
    for number, columns in enumerate(layouts):
        for index, key in enumerate(columns.keys):
            series = _series(key)
            keys.setdefault(series, key)
            columns_of_series.setdefault(series, []).append((number, index))
    widths = [len(columns.keys) for columns in layouts]
    rows = list(layouts.values())
    gathering = Gathering(list(columns_of_series.values()), widths, [len(of_layout) for of_layout in rows])
    return list(keys.values()), gathering.reduce(chain.from_iterable(rows), rule.reduce)


def _series(key: Key) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return key.family, key.sample, key.labels


def _entries(keys: Sequence[Key], rows: Sequence[Row], rule: Rule) -> Iterator[Entry]:
    """A sum has what it has lost by rounding in the timestamp's place; other values their timestamp, or 0."""
    values: Row
    timestamps: Row
    if rule.stamped:
        timestamps, values = zip(*rows[0], strict=True)
    else:
        values, timestamps = (*rows, [0.0] * len(keys))[:2]
    for key, value, timestamp in zip(keys, values, timestamps, strict=True):
        yield Entry(key.family, key.sample, key.labels, key.help, value, timestamp)
