"""ProbeResult → metrics: what is exported of each dependency, built anew for each snapshot."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from prometheus_client import Metric
from prometheus_client.registry import Collector

from pipeline.definitions import Definition, format_bound
from sidecar import metrics
from sidecar.probes import Phase, ProbeOptions, ProbeResult, Reason
from sidecar.state import DependencyState

Labels = dict[str, str]
Sample = tuple[Definition, str, Labels, float]
"""The metric, a suffix of its name, the labels beside `dependency`, the value."""

_BOUNDS = metrics.PROBE_RUN_DURATION.upper_bounds


@dataclass(frozen=True, slots=True)
class _Tally:
    """All that was counted; replaced as a whole, so that a reader sees a run entirely or not at all."""

    state: DependencyState
    last: ProbeResult | None
    last_run: float
    last_success: float
    failures: dict[Reason, int]
    duration_buckets: tuple[int, ...]
    duration_sum: float


class DependencySeries:
    """The series of one dependency; they exist, with 0, from the moment it is known."""

    def __init__(self, name: str, kind: str, options: ProbeOptions) -> None:
        self.name = name
        self.kind = kind
        self.options = options
        self.missed_runs = 0
        self._tally = _Tally(
            DependencyState.UNKNOWN, None, 0.0, 0.0, dict.fromkeys(Reason, 0), (0,) * len(_BOUNDS), 0.0
        )

    def reconfigured(self, kind: str, options: ProbeOptions) -> None:
        """The same dependency, watched in another way: what was counted stays.

        What another kind of probe found last says nothing about this one.
        """
        if kind != self.kind:
            self._tally = replace(self._tally, state=DependencyState.UNKNOWN, last=None)
        self.kind = kind
        self.options = options

    def record(self, result: ProbeResult, state: DependencyState, ended_at: float) -> None:
        """Count one run that ended at the Unix time `ended_at`, in seconds."""
        before = self._tally
        failures = before.failures
        if result.reason is not None:
            failures = {**failures, result.reason: failures[result.reason] + 1}
        buckets = list(before.duration_buckets)
        buckets[bisect_left(_BOUNDS, result.duration_seconds)] += 1
        self._tally = _Tally(
            state,
            result,
            ended_at,
            ended_at if result.success else before.last_success,
            failures,
            tuple(buckets),
            before.duration_sum + result.duration_seconds,
        )

    def samples(self) -> Iterator[Sample]:
        """What is exported now."""
        tally, options, kind = self._tally, self.options, {"kind": self.kind}
        critical = "true" if options.critical else "false"
        yield metrics.DEPENDENCY_INFO, "", {**kind, "critical": critical}, 1
        for state in DependencyState:
            yield metrics.DEPENDENCY_STATE, "", {"state": state.value}, float(state is tally.state)
        yield metrics.PROBE_INTERVAL, "", {}, options.interval_seconds
        yield metrics.PROBE_TIMEOUT, "", {}, options.timeout_seconds
        yield metrics.PROBE_MISSED_RUNS, "_total", {}, self.missed_runs
        yield metrics.PROBE_LAST_RUN, "", {}, tally.last_run
        yield metrics.PROBE_LAST_SUCCESS, "", {}, tally.last_success
        for reason, count in tally.failures.items():
            yield metrics.PROBE_FAILURES, "_total", {"reason": reason.value}, count
            is_current = tally.last is not None and tally.last.reason is reason
            yield metrics.PROBE_FAILURE_REASON, "", {"reason": reason.value}, float(is_current)
        yield from _duration_samples(tally)
        if tally.last is not None:
            yield metrics.PROBE_SUCCESS, "", kind, float(tally.last.success)
            yield metrics.PROBE_DURATION, "", kind, tally.last.duration_seconds
            yield from _found_samples(tally.last)


def _duration_samples(tally: _Tally) -> Iterator[Sample]:
    runs = 0
    for bound, count in zip(_BOUNDS, tally.duration_buckets, strict=True):
        runs += count
        yield metrics.PROBE_RUN_DURATION, "_bucket", {"le": format_bound(bound)}, runs
    yield metrics.PROBE_RUN_DURATION, "_count", {}, runs
    yield metrics.PROBE_RUN_DURATION, "_sum", {}, tally.duration_sum
    yield metrics.PROBE_RUNS, "_total", {}, runs


def _found_samples(last: ProbeResult) -> Iterator[Sample]:
    """What only some kinds can tell."""
    if last.http is not None:
        yield metrics.PROBE_HTTP_STATUS_CODE, "", {}, last.http.status_code
        for phase in Phase:
            seconds = last.http.phase_seconds.get(phase, 0.0)
            yield metrics.PROBE_HTTP_DURATION, "", {"phase": phase.value}, seconds
    if last.certificate_expiry_timestamp_seconds is not None:
        yield metrics.PROBE_SSL_EARLIEST_CERT_EXPIRY, "", {}, last.certificate_expiry_timestamp_seconds
    for unit, left in last.quota_remaining.items():
        yield metrics.DEPENDENCY_QUOTA_REMAINING, "", {"unit": unit.value}, left


class DependencyCollector(Collector):
    """All dependencies' series, as families."""

    def __init__(self) -> None:
        self._series: dict[str, DependencySeries] = {}

    def series(self, name: str, kind: str, options: ProbeOptions) -> DependencySeries:
        """The dependency's, with what was counted before if it is known already."""
        known = self._series.get(name)
        if known is None:
            known = DependencySeries(name, kind, options)
            # Replaced, not changed: a snapshot may be walking through it in another thread.
            self._series = {**self._series, name: known}
        else:
            known.reconfigured(kind, options)
        return known

    def forget_all_but(self, names: Iterable[str]) -> None:
        """Drop the series of dependencies that are watched no more."""
        kept = set(names)
        self._series = {name: series for name, series in self._series.items() if name in kept}

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        return families_of(self._series.values())


def families_of(many: Iterable[DependencySeries]) -> list[Metric]:
    """The families of these dependencies' series."""
    families: dict[str, Metric] = {}
    for series in many:
        for definition, suffix, labels, value in series.samples():
            family = families.get(definition.name)
            if family is None:
                family = families[definition.name] = Metric(
                    definition.family, definition.help, definition.type
                )
            family.add_sample(definition.family + suffix, {"dependency": series.name, **labels}, value)
    return list(families.values())
