"""A snapshot's samples by metric and label: how a view reads the registry."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Metric

from pipeline.definitions import Definition, HistogramDefinition

Labels = Mapping[str, str]


class Samples:
    """The finite values of one snapshot. A metric that is not in it reads as no series.

    NaN and infinities, which a worker's file may hold, are no counts and have no place in JSON.
    """

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families: dict[str, list[Metric]] = {}
        for family in families:
            self._families.setdefault(family.name, []).append(family)
        self._indexed: set[str] = set()
        self._by_name: dict[str, list[tuple[Labels, float]]] = {}
        self._by_dependency: dict[tuple[str, str], list[tuple[Labels, float]]] = {}

    def series(self, definition: Definition, **labels: str) -> Iterator[tuple[Labels, float]]:
        """Every series of the metric that has these labels."""
        return self._named(definition, definition.name, labels)

    def value(self, definition: Definition, **labels: str) -> float | None:
        """The value of the first such series, None if there is none."""
        return next((value for _, value in self.series(definition, **labels)), None)

    def total(self, definition: Definition, **labels: str) -> float:
        """The sum of all such series, 0 if there are none."""
        return _finite_sum(self.series(definition, **labels))

    def mean(self, definition: HistogramDefinition, **labels: str) -> float | None:
        """Sum over count, None if nothing was observed."""
        count = _finite_sum(self._named(definition, f"{definition.name}_count", labels))
        total = _finite_sum(self._named(definition, f"{definition.name}_sum", labels))
        return total / count if count >= 1 else None

    def label_values(self, definition: Definition, label: str) -> set[str]:
        """Every value that the label takes in the metric's series."""
        return {labels[label] for labels, _ in self.series(definition) if label in labels}

    def active_label(self, definition: Definition, label: str, **labels: str) -> str | None:
        """The value of `label` in the series that is 1: how a state is kept in gauges of 0 and 1."""
        return next(
            (found.get(label) for found, value in self.series(definition, **labels) if value == 1), None
        )

    def _named(self, definition: Definition, name: str, labels: Labels) -> Iterator[tuple[Labels, float]]:
        # Only what is asked for: a spool can hold 100,000 series that no view reads.
        if definition.family not in self._indexed:
            self._indexed.add(definition.family)
            self._index(self._families.get(definition.family, ()))
        # Without the second index a document of N dependencies would take N² steps.
        dependency = labels.get("dependency")
        candidates = (
            self._by_name.get(name, ())
            if dependency is None
            else self._by_dependency.get((name, dependency), ())
        )
        for found, value in candidates:
            if all(found.get(label) == wanted for label, wanted in labels.items()):
                yield found, value

    def _index(self, families: Iterable[Metric]) -> None:
        for family in families:
            for sample in family.samples:
                if math.isfinite(sample.value):
                    self._by_name.setdefault(sample.name, []).append((sample.labels, sample.value))
                    dependency = sample.labels.get("dependency")
                    if dependency is not None:
                        of_one = self._by_dependency.setdefault((sample.name, dependency), [])
                        of_one.append((sample.labels, sample.value))


def _finite_sum(series: Iterable[tuple[Labels, float]]) -> float:
    """Two finite values can still add up to infinity, when a worker's file is hostile."""
    total = sum(value for _, value in series)
    return total if math.isfinite(total) else 0.0
