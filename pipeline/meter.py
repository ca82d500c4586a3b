"""Live metrics of one worker: in memory, and in the spool where there is one."""

from __future__ import annotations

import json
import logging
import os
import threading
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pipeline.definitions import (
    CounterDefinition,
    Definition,
    GaugeDefinition,
    HistogramDefinition,
    format_bound,
)
from pipeline.series import Counter, Gauge, Histogram, Value
from pipeline.spool import WorkerSpool

log = logging.getLogger(__name__)


class Meter(Collector):
    """Binds definitions to live series. One per process; safe in threads and after a fork.

    It is a prometheus_client collector too: register it to serve a worker's own metrics without a sidecar.
    """

    def __init__(self, spool: WorkerSpool | None = None) -> None:
        self._spool = spool
        # Re-entrant: a signal handler may count while its own thread is counting.
        self._lock = threading.RLock()
        self._values: dict[tuple[str, str], Value] = {}
        self._kept_in_fork: list[Value] = []
        self._counters: dict[CounterDefinition, dict[tuple[str, ...], Counter]] = {}
        self._gauges: dict[GaugeDefinition, dict[tuple[str, ...], Gauge]] = {}
        self._histograms: dict[HistogramDefinition, dict[tuple[str, ...], Histogram]] = {}
        _fork_guard.meters.add(self)

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
                total = self._value(definition, "counter", definition.name, label_values)
                series[label_values] = Counter(self._lock, total)
            return series[label_values]

    def gauge(self, definition: GaugeDefinition, *label_values: str) -> Gauge:
        """As `counter`."""
        with self._lock:
            series = self._gauges.setdefault(definition, {})
            if label_values not in series:
                current = self._value(definition, f"gauge_{definition.mode}", definition.name, label_values)
                if definition.kept_in_fork:
                    self._kept_in_fork.append(current)
                series[label_values] = Gauge(self._lock, current)
            return series[label_values]

    def histogram(self, definition: HistogramDefinition, *label_values: str) -> Histogram:
        """As `counter`."""
        with self._lock:
            series = self._histograms.setdefault(definition, {})
            if label_values not in series:
                name = definition.name
                total = self._value(definition, "histogram", f"{name}_sum", label_values)
                buckets = [
                    self._value(
                        definition,
                        "histogram",
                        f"{name}_bucket",
                        label_values,
                        {"le": format_bound(bound)},
                    )
                    for bound in definition.upper_bounds
                ]
                series[label_values] = Histogram(self._lock, definition.upper_bounds, buckets, total)
            return series[label_values]

    def collect(self) -> Iterable[Metric]:
        """This worker's families, as they are now."""
        with self._lock:
            # As a list: whoever takes the first family and no other must not hold the lock.
            return list(self._families())

    def _families(self) -> Iterator[Metric]:
        for counter, counters in self._counters.items():
            counts = CounterMetricFamily(counter.family, counter.help, labels=counter.label_names)
            for labels, one_counter in counters.items():
                counts.add_metric(labels, one_counter.value)
            yield counts
        for gauge, gauges in self._gauges.items():
            levels = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.label_names)
            for labels, one_gauge in gauges.items():
                levels.add_metric(labels, one_gauge.value)
            yield levels
        for histogram, histograms in self._histograms.items():
            spread = HistogramMetricFamily(histogram.name, histogram.help, labels=histogram.label_names)
            for labels, one_histogram in histograms.items():
                spread.add_metric(labels, one_histogram.cumulative(), one_histogram.sum)
            yield spread

    def close(self) -> None:
        """Give the lease back; counting goes on in memory alone."""
        with self._lock:
            self._leave_spool()

    def _value(
        self,
        definition: Definition,
        prefix: str,
        sample: str,
        label_values: tuple[str, ...],
        more_labels: dict[str, str] | None = None,
    ) -> Value:
        labels = dict(zip(definition.label_names, label_values, strict=True)) | (more_labels or {})
        key = json.dumps([definition.family, sample, labels, definition.help], sort_keys=True)
        value = self._values[prefix, key] = Value()
        self._mirror(value, prefix, key)
        return value

    def _mirror(self, value: Value, prefix: str, key: str) -> None:
        if self._spool is None:
            return
        try:
            value.mirror_in(self._spool.file(prefix), key)
        except OSError as error:
            # The user's call matters more than its count: from here on this series is in memory alone.
            log.warning("spool.write_failed directory=%s reason=%s", self._spool.directory, error.strerror)

    def _leave_spool(self) -> None:
        for value in self._values.values():
            value.detach()
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def before_fork(self) -> None:
        """Wait until no other thread is counting, so that the child inherits a consistent state."""
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """The parent keeps its counts, files and lease; the child begins with its own, at 0.

        A gauge that describes what the child has inherited, such as a breaker's state, goes on.
        """
        directory = None if self._spool is None else self._spool.directory
        self._leave_spool()
        kept = [(value, value.amount) for value in self._kept_in_fork]
        for value in self._values.values():
            value.amount = 0.0
        for value, amount in kept:
            value.amount = amount
        if directory is not None:
            try:
                self._spool = WorkerSpool(directory)
            except OSError as error:
                log.warning("spool.reopen_failed directory=%s reason=%s", directory, error.strerror)
            for (prefix, key), value in self._values.items():
                self._mirror(value, prefix, key)
        self._lock.release()


class _ForkGuard:
    """Tells every meter of this process about a fork."""

    def __init__(self) -> None:
        self.meters: weakref.WeakSet[Meter] = weakref.WeakSet()
        self._held: list[Meter] = []
        os.register_at_fork(
            before=self._before, after_in_parent=self._after_in_parent, after_in_child=self._after_in_child
        )

    def _before(self) -> None:
        self._held = list(self.meters)
        for meter in self._held:
            meter.before_fork()

    def _after_in_parent(self) -> None:
        for meter in self._held:
            meter.after_fork_in_parent()
        self._held = []

    def _after_in_child(self) -> None:
        for meter in self._held:
            meter.after_fork_in_child()
        self._held = []


_fork_guard = _ForkGuard()
