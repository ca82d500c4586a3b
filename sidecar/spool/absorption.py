"""Files of the dead to a few that say the same, by prometheus_client's rules, buckets un-accumulated."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from typing import Final

from sidecar.spool.files import Entry, MetricFile
from sidecar.spool.metric_bytes import to_bytes
from sidecar.spool.sources import ends_with_its_worker

_WORKER: Final = "compacted"

_Series = tuple[str, str, tuple[tuple[str, str], ...]]


class Absorption:
    """What is merged so far."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], _Sums | _Latest] = {}

    def add(self, file: MetricFile) -> None:
        """Take in a file of a dead worker, or of the generation before. Gauges of one worker are dropped."""
        kind = file.name.type, file.name.mode
        if ends_with_its_worker(file.name):
            return
        if kind not in self._kinds:
            self._kinds[kind] = _Latest(file.name.mode) if file.name.type == "gauge" else _Sums()
        merged = self._kinds[kind]
        is_merged_before = file.name.worker == _WORKER
        for entry in file.entries:
            merged.add(entry, is_merged_before=is_merged_before)

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """File name and content of each file of the generation."""
        for (type_, mode), merged in self._kinds.items():
            prefix = f"{type_}_{mode}" if mode else type_
            yield f"{prefix}_{_WORKER}.db", to_bytes(merged.entries())


class _Sums:
    """Counters, histograms and summaries: sums without the rounding error of adding up one by one."""

    def __init__(self) -> None:
        self._help: dict[_Series, str] = {}
        self._parts: dict[_Series, array[float]] = {}

    def add(self, entry: Entry, *, is_merged_before: bool) -> None:
        series = entry.family, entry.sample, entry.labels
        parts = self._parts.get(series)
        if parts is None:
            parts = self._parts[series] = array("d")
            self._help[series] = entry.help
        parts.append(entry.value)
        if is_merged_before and entry.timestamp:
            parts.append(entry.timestamp)

    def entries(self) -> Iterator[Entry]:
        for (family, sample, labels), parts in self._parts.items():
            total, lost = _exact_sum(parts)
            yield Entry(family, sample, labels, self._help[family, sample, labels], total, lost)


def _exact_sum(parts: array[float]) -> tuple[float, float]:
    """The sum as a float, and what of the exact sum that float has lost."""
    try:
        total = math.fsum(parts)
        return total, math.fsum((*parts, -total))
    except (OverflowError, ValueError):  # with infinities of both signs, or past the largest float
        return sum(parts), 0.0


class _Latest:
    """Gauges: one value of many, and the time at which it was set."""

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self._entries: dict[_Series, Entry] = {}

    def add(self, entry: Entry, *, is_merged_before: bool) -> None:  # noqa: ARG002
        series = entry.family, entry.sample, entry.labels
        before = self._entries.get(series)
        self._entries[series] = entry if before is None else self._merged(before, entry)

    def _merged(self, before: Entry, entry: Entry) -> Entry:
        if self._mode == "mostrecent":
            return entry if before.timestamp < entry.timestamp else before
        if self._mode == "min":
            value = min(before.value, entry.value)
        elif self._mode == "max":
            value = max(before.value, entry.value)
        else:
            value = before.value + entry.value
        return before._replace(value=value, timestamp=max(before.timestamp, entry.timestamp))

    def entries(self) -> Iterator[Entry]:
        yield from self._entries.values()
