"""From the keys of many files to the series that are exposed: which column is part of which series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from pipeline.definitions import format_bound
from sidecar.exposition.lines import escape_name, line_start
from sidecar.exposition.table import SeriesTable
from sidecar.spool.gathering import Column
from sidecar.spool.keys import Key, Labels, encodable

if TYPE_CHECKING:
    from sidecar.spool.merge import Layout


class _Series(NamedTuple):
    """One series before merging: what is added up in it, and how its line begins if a key writes it so."""

    name: str
    labels: Labels
    line: str | None
    columns: list[Column]


@dataclass(slots=True)
class _Metric:
    """The series of one set of labels: in OpenMetrics they stand together."""

    buckets: dict[float, _Series] = field(default_factory=dict)
    rest: dict[str, _Series] = field(default_factory=dict)


@dataclass(slots=True)
class _Draft:
    """One family as it is put together."""

    name: str
    help: str
    metrics: dict[Labels, _Metric] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """A family, and where its values are among those of its kind."""

    table: SeriesTable
    start: int
    stop: int
    histograms: tuple[tuple[int, int, int], ...] = ()
    """For each set of labels: where its buckets start, where they end, where its other series end."""

    def values(self, of_kind: Sequence[float]) -> Sequence[float]:
        """In the order of the table."""
        if not self.histograms:
            return of_kind[self.start : self.stop]
        values: list[float] = []
        for start, end_of_buckets, stop in self.histograms:
            # Buckets are stored apart; the exposition wants each to hold those below it, and a count.
            if end_of_buckets > start:
                values += accumulate(of_kind[start:end_of_buckets])
                values.append(values[-1])
            values += of_kind[end_of_buckets:stop]
        return values


class Placed(NamedTuple):
    columns: list[list[Column]]
    """What each series is merged from."""
    parts: list[Part]


def place(type_name: str, mode: str, layouts: Sequence[Layout]) -> Placed:
    """Lay out the series of all files of one kind."""
    drafts: dict[str, _Draft] = {}
    for number, layout in enumerate(layouts):
        for index, key in enumerate(layout.columns.keys):
            if key.sample == f"{key.family}_created":
                continue  # a sum of times says nothing
            name = escape_name(key.family)
            draft = drafts.get(name)
            if draft is None:
                draft = drafts[name] = _Draft(key.family, key.help)
            _series(draft, key, type_name, _labels(key, mode, layout.worker)).append((number, index))
    columns: list[list[Column]] = []
    parts = [_part(draft, type_name, columns) for draft in drafts.values()]
    return Placed(columns, parts)


def _labels(key: Key, mode: str, worker: str) -> Labels:
    """A gauge's own label `pid` gives way to its worker's, which is shown in the modes `all` alone."""
    if not mode:
        return key.labels
    labels = tuple(pair for pair in key.labels if pair[0] != "pid")
    return tuple(sorted((*labels, ("pid", encodable(worker))))) if mode.endswith("all") else labels


def _series(draft: _Draft, key: Key, type_name: str, labels: Labels) -> list[Column]:
    """The columns of the series that the key is of."""
    bound = key.bound() if type_name == "histogram" else None
    if bound is None:
        metric = draft.metrics.setdefault(labels, _Metric())
        name = escape_name(key.sample)
        series = metric.rest.get(name)
        if series is None:
            line = key.line if labels == key.labels else None
            series = metric.rest[name] = _Series(key.sample, labels, line, [])
        return series.columns
    metric = draft.metrics.setdefault(tuple(pair for pair in labels if pair[0] != "le"), _Metric())
    series = metric.buckets.get(bound)
    if series is None:
        sample = f"{draft.name}_bucket"
        shown = tuple((name, format_bound(bound) if name == "le" else text) for name, text in labels)
        line = key.line if (sample, shown) == (key.sample, key.labels) else None
        series = metric.buckets[bound] = _Series(sample, shown, line, [])
    return series.columns


def _part(draft: _Draft, type_name: str, columns: list[list[Column]]) -> Part:
    """Lay out a family; what it merges is appended to `columns`."""
    series: list[tuple[str, Labels]] = []
    lines: list[str] = []
    histograms: list[tuple[int, int, int]] = []

    def expose(name: str, labels: Labels, line: str | None) -> None:
        series.append((name, labels))
        lines.append(line_start(name, labels) if line is None else line)

    first = len(columns)
    for labels, metric in draft.metrics.items():
        start = len(columns)
        count = f"{draft.name}_count"
        for _, bucket in sorted(metric.buckets.items()):
            expose(bucket.name, bucket.labels, bucket.line)
            columns.append(bucket.columns)
        end_of_buckets = len(columns)
        if metric.buckets:
            expose(count, labels, None)
        for one in metric.rest.values():
            if not (metric.buckets and one.name == count):
                expose(one.name, one.labels, one.line)
                columns.append(one.columns)
        histograms.append((start, end_of_buckets, len(columns)))
    table = SeriesTable(draft.name, type_name, draft.help, series, lines)
    return Part(table, first, len(columns), tuple(histograms) if type_name == "histogram" else ())
