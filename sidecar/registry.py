"""The one registry: what the probes found and what the workers wrote, as one snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric

from sidecar import __version__, metrics
from sidecar.metrics import DependencyState
from sidecar.probes import Phase, ProbeOptions, ProbeResult, Reason
from sidecar.spool.reader import SpoolReader, SpoolReading


class ProbeMetrics:
    """ProbeResult → metrics. Every series of a dependency exists from the moment it is known."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._success = metrics.PROBE_SUCCESS.bind(registry)
        self._duration = metrics.PROBE_DURATION.bind(registry)
        self._failure_reason = metrics.PROBE_FAILURE_REASON.bind(registry)
        self._run_duration = metrics.PROBE_RUN_DURATION.bind(registry)
        self._http_duration = metrics.PROBE_HTTP_DURATION.bind(registry)
        self._http_status_code = metrics.PROBE_HTTP_STATUS_CODE.bind(registry)
        self._runs = metrics.PROBE_RUNS.bind(registry)
        self._failures = metrics.PROBE_FAILURES.bind(registry)
        self._last_run = metrics.PROBE_LAST_RUN.bind(registry)
        self._last_success = metrics.PROBE_LAST_SUCCESS.bind(registry)
        self._interval = metrics.PROBE_INTERVAL.bind(registry)
        self._timeout = metrics.PROBE_TIMEOUT.bind(registry)
        self._state = metrics.DEPENDENCY_STATE.bind(registry)
        self._info = metrics.DEPENDENCY_INFO.bind(registry)

    def declare(self, dependency: str, kind: str, options: ProbeOptions) -> None:
        """Make a dependency known: state unknown, every counter 0."""
        self._info.labels(dependency, kind, "true" if options.critical else "false").set(1)
        self._interval.labels(dependency).set(options.interval_seconds)
        self._timeout.labels(dependency).set(options.timeout_seconds)
        self._runs.labels(dependency)
        self._run_duration.labels(dependency)
        self._last_run.labels(dependency)
        self._last_success.labels(dependency)
        for reason in Reason:
            self._failures.labels(dependency, reason)
        self._set_reason(dependency, None)
        self._set_state(dependency, DependencyState.UNKNOWN)

    def record(self, dependency: str, kind: str, result: ProbeResult, ended_at: float) -> None:
        """Count one run that ended at the Unix time `ended_at`, in seconds."""
        self._success.labels(dependency, kind).set(1 if result.success else 0)
        self._duration.labels(dependency, kind).set(result.duration_seconds)
        self._run_duration.labels(dependency).observe(result.duration_seconds)
        self._runs.labels(dependency).inc()
        self._last_run.labels(dependency).set(ended_at)
        self._set_reason(dependency, result.reason)
        self._set_state(dependency, _state_after(result))
        if result.success:
            self._last_success.labels(dependency).set(ended_at)
        if result.reason is not None:
            self._failures.labels(dependency, result.reason).inc()
        if result.http is not None:
            for phase in Phase:
                self._http_duration.labels(dependency, phase).set(result.http.phase_seconds.get(phase, 0.0))
            self._http_status_code.labels(dependency).set(result.http.status_code)

    def _set_reason(self, dependency: str, current: Reason | None) -> None:
        for reason in Reason:
            self._failure_reason.labels(dependency, reason).set(1 if reason is current else 0)

    def _set_state(self, dependency: str, current: DependencyState) -> None:
        for state in DependencyState:
            self._state.labels(dependency, state).set(1 if state is current else 0)


def _state_after(result: ProbeResult) -> DependencyState:
    if result.success:
        return DependencyState.UP
    # It answers, and will serve again when the quota does.
    return DependencyState.DEGRADED if result.reason is Reason.QUOTA else DependencyState.DOWN


class Registry:
    """The sidecar's one CollectorRegistry, and the spool beside it."""

    def __init__(self, spool: Path | None) -> None:
        self._registry = CollectorRegistry()
        self.probes = ProbeMetrics(self._registry)
        metrics.SIDECAR_BUILD_INFO.bind(self._registry).labels(__version__).set(1)
        self._reader = None if spool is None else SpoolReader(spool)

    async def snapshot(self) -> list[Metric]:
        """Every family as it is now, without `_created` series.

        The spool's files are read in a thread. The probes' families are collected in the event loop,
        which is also where they are written: a result is in a snapshot as a whole or not at all.
        """
        reading = None if self._reader is None else await asyncio.to_thread(self._reader.read)
        families = list(self._registry.collect())
        for family in families:
            created = f"{family.name}_created"
            family.samples = [sample for sample in family.samples if sample.name != created]
        if reading is not None:
            families += _spool_families(reading)
        return families


_OWN_NAMES = frozenset(
    name for definition in metrics.METRICS for name in (definition.name, definition.family)
)


def _spool_families(reading: SpoolReading) -> Iterator[Metric]:
    # A file may hold any name, but the sidecar's own are not for workers to write.
    yield from (family for family in reading.families if family.name not in _OWN_NAMES)
    for definition, value in (
        (metrics.SIDECAR_SPOOL_WORKERS, reading.workers),
        (metrics.SIDECAR_SPOOL_FILES, reading.files),
        (metrics.SIDECAR_SPOOL_UNREADABLE_FILES, reading.unreadable_files),
    ):
        family = Metric(definition.name, definition.help, definition.type)
        family.add_sample(definition.name, {}, value)
        yield family
