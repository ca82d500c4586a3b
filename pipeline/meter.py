"""Live metrics of one worker: in memory, and in the spool where there is one."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.definitions import (
    CounterDefinition,
    Definition,
    GaugeDefinition,
    HistogramDefinition,
    format_bound,
)
from pipeline.forks import ForkGuard
from pipeline.lost import settle_lost
from pipeline.mirror import Mirror
from pipeline.series import Counter, Gauge, Histogram, Value
from pipeline.spool import WorkerSpool


class Meter(Collector):
    """Binds definitions to live series. One per process; safe in threads and after a fork.

    It is a prometheus_client collector too: register it to serve a worker's own metrics without a sidecar.
    """

    def __init__(self, spool: WorkerSpool | None = None) -> None:
        # Re-entrant: a signal handler may count while its own thread is counting.
        self._lock = threading.RLock()
        self._mirror = Mirror(spool)
        self._kept_in_fork: list[Value] = []
        self._counters: dict[CounterDefinition, dict[tuple[str, ...], Counter]] = {}
        self._gauges: dict[GaugeDefinition, dict[tuple[str, ...], Gauge]] = {}
        self._histograms: dict[HistogramDefinition, dict[tuple[str, ...], Histogram]] = {}
        _fork_guard.add(self)

    @classmethod
    def spooling(cls, directory: str | os.PathLike[str]) -> Meter:
        """A meter whose every series is also in the spool.

        Raises:
            SpoolError: the spool cannot be written.
        """
        return cls(WorkerSpool(Path(directory)))

    def counter(self, definition: CounterDefinition, *label_values: str) -> Counter:
        """The series with these label values, in the definition's order; it exists with 0 from now on."""
        with self._lock:
            series = self._counters.setdefault(definition, {})
            if label_values not in series:
                key = _key(definition, definition.name, label_values)
                (total,) = self._mirror.values("counter", [key])
                series[label_values] = Counter(self._lock, total)
            found = series[label_values]
        self._mirror.tell()
        return found

    def gauge(self, definition: GaugeDefinition, *label_values: str) -> Gauge:
        """As `counter`."""
        with self._lock:
            series = self._gauges.setdefault(definition, {})
            if label_values not in series:
                key = _key(definition, definition.name, label_values)
                (current,) = self._mirror.values(f"gauge_{definition.mode}", [key])
                if definition.kept_in_fork:
                    self._kept_in_fork.append(current)
                series[label_values] = Gauge(self._lock, current)
            found = series[label_values]
        self._mirror.tell()
        return found

    def histogram(self, definition: HistogramDefinition, *label_values: str) -> Histogram:
        """As `counter`."""
        with self._lock:
            series = self._histograms.setdefault(definition, {})
            if label_values not in series:
                sum_key = _key(definition, f"{definition.name}_sum", label_values)
                bucket_keys = (
                    _key(definition, f"{definition.name}_bucket", label_values, le=format_bound(bound))
                    for bound in definition.upper_bounds
                )
                total, *buckets = self._mirror.values("histogram", [sum_key, *bucket_keys])
                series[label_values] = Histogram(self._lock, definition.upper_bounds, buckets, total)
            found = series[label_values]
        self._mirror.tell()
        return found

    def add_together(self, amounts: Iterable[tuple[Value, float]]) -> None:
        """Add to totals of this meter's counters, all at once; no amount may be negative."""
        with self._lock:
            for total, amount in amounts:
                # As `Value.add`.
                total.amount = added = total.amount + amount
                if total.file is not None:
                    total.file.values[total.index] = added

    def collect(self) -> Iterable[Metric]:
        """This worker's families, as they are now."""
        with self._lock:
            # As a list: whoever takes the first family and no other must not hold the lock.
            return list(self._families())

    def _families(self) -> Iterator[Metric]:
        for counter, counters in list(self._counters.items()):
            counts = CounterMetricFamily(counter.family, counter.help, labels=counter.label_names)
            for labels, one_counter in list(counters.items()):
                counts.add_metric(labels, one_counter.value)
            yield counts
        for gauge, gauges in list(self._gauges.items()):
            levels = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.label_names)
            for labels, one_gauge in list(gauges.items()):
                levels.add_metric(labels, one_gauge.value)
            yield levels
        for histogram, histograms in list(self._histograms.items()):
            spread = HistogramMetricFamily(histogram.name, histogram.help, labels=histogram.label_names)
            for labels, one_histogram in list(histograms.items()):
                spread.add_metric(labels, one_histogram.cumulative(), one_histogram.sum)
            yield spread

    def close(self) -> None:
        """Count what was lost, and give the lease back; from then on counts are in memory alone."""
        settle_lost()
        with self._lock:
            self._mirror.leave()

    def before_fork(self) -> None:
        """Wait until no other thread is counting, so that the child inherits a consistent state."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """The parent keeps its counts, files and lease; the child begins with its own, at 0.

        A gauge that describes what the child has inherited, such as a breaker's state, goes on.
        """
        kept = set(self._kept_in_fork)
        for value in self._mirror.all_values():
            if value not in kept:
                value.forget()
        self._mirror.begin_anew_in_child()
        self._lock.release()


def _key(definition: Definition, sample: str, label_values: tuple[str, ...], **more_labels: str) -> str:
    labels = dict(zip(definition.label_names, label_values, strict=True)) | more_labels
    return json.dumps([definition.family, sample, labels, definition.help], sort_keys=True)


_fork_guard: Final = ForkGuard()
