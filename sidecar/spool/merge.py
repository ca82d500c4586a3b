"""Many workers' entries to one set of families, by the rules of prometheus_client's multiprocess mode."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.samples import Sample

from pipeline.definitions import format_bound
from sidecar.spool.files import Entry, MetricFile

_Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Family:
    name: str
    type: str
    mode: str
    help: str
    values: dict[tuple[str, _Labels], float] = field(default_factory=dict)
    timestamps: dict[tuple[str, _Labels], float] = field(default_factory=dict)

    def add(self, entry: Entry, worker: str) -> None:
        key = (entry.sample, entry.labels)
        mode = self.mode.removeprefix("live")
        if self.type != "gauge" or mode == "sum":
            self.values[key] = self.values.get(key, 0.0) + entry.value
        elif mode == "all":
            self.values[entry.sample, tuple(sorted((*entry.labels, ("pid", worker))))] = entry.value
        elif mode == "min":
            self.values[key] = min(self.values.get(key, entry.value), entry.value)
        elif mode == "max":
            self.values[key] = max(self.values.get(key, entry.value), entry.value)
        elif key not in self.values or self.timestamps[key] < entry.timestamp:
            self.values[key] = entry.value
            self.timestamps[key] = entry.timestamp

    def to_metric(self) -> Metric:
        metric = Metric(self.name, self.help, self.type)
        samples = self._accumulated() if self.type == "histogram" else self.values
        metric.samples = [Sample(name, dict(labels), value) for (name, labels), value in samples.items()]
        return metric

    def _accumulated(self) -> dict[tuple[str, _Labels], float]:
        """Buckets are stored apart; the exposition wants each to hold those below it, and a count."""
        buckets: dict[_Labels, dict[float, float]] = {}
        rest: dict[_Labels, list[tuple[str, float]]] = {}
        for (sample, labels), value in self.values.items():
            bound = dict(labels).get("le")
            if bound is None:
                rest.setdefault(labels, []).append((sample, value))
            else:
                series = tuple(pair for pair in labels if pair[0] != "le")
                buckets.setdefault(series, {})[float(bound)] = value
        samples: dict[tuple[str, _Labels], float] = {}
        for labels, by_bound in buckets.items():
            below = 0.0
            for upper_bound, value in sorted(by_bound.items()):
                below += value
                samples[f"{self.name}_bucket", (*labels, ("le", format_bound(upper_bound)))] = below
            samples[f"{self.name}_count", labels] = below
            for sample, value in rest.pop(labels, []):
                samples[sample, labels] = value
        for labels, pairs in rest.items():
            for sample, value in pairs:
                samples[sample, labels] = value
        return samples


def merge(files: Iterable[MetricFile]) -> list[Metric]:
    """One family a name, in order of name. Of two types under one name the first file's is kept."""
    families: dict[str, _Family] = {}
    for file in files:
        for entry in file.entries:
            family = families.get(entry.family)
            if family is None:
                family = _Family(entry.family, file.name.type, file.name.mode, entry.help)
                families[entry.family] = family
            if family.type == file.name.type:
                family.add(entry, file.name.worker)
    return [families[name].to_metric() for name in sorted(families)]
