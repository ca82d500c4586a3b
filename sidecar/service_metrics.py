"""How the sidecar itself is: whether it is slow, and whether it runs what the configuration says."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from sidecar import __version__, metrics
from sidecar.spool.upkeep import UpkeepReport


class ServiceMetrics:
    """The sidecar's metrics of itself, live in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        metrics.SIDECAR_BUILD_INFO.bind(registry).labels(__version__).set(1)
        self._start_delay = metrics.SIDECAR_PROBE_START_DELAY.bind(registry)
        self._event_loop_lag = metrics.SIDECAR_EVENT_LOOP_LAG.bind(registry)
        self._reload_successful = metrics.SIDECAR_CONFIG_LAST_RELOAD_SUCCESSFUL.bind(registry)
        self._reload_timestamp = metrics.SIDECAR_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP.bind(registry)
        self._spool_bytes = metrics.SIDECAR_SPOOL_BYTES.bind(registry)
        self._quarantined_files = metrics.SIDECAR_SPOOL_QUARANTINED_FILES.bind(registry)
        self._compacted_files = metrics.SIDECAR_SPOOL_COMPACTED_FILES.bind(registry)
        self._compaction_duration = metrics.SIDECAR_SPOOL_COMPACTION_DURATION.bind(registry)
        self._compaction_failures = metrics.SIDECAR_SPOOL_COMPACTION_FAILURES.bind(registry)

    def run_started(self, late_seconds: float) -> None:
        """A probe began so long after it was due."""
        self._start_delay.observe(late_seconds)

    def event_loop_lagged(self, seconds: float) -> None:
        self._event_loop_lag.observe(seconds)

    def config_loaded(self, at: float) -> None:
        """The configuration was taken in at this Unix time."""
        self._reload_successful.set(1)
        self._reload_timestamp.set(at)

    def config_refused(self) -> None:
        self._reload_successful.set(0)

    def spool_kept(self, report: UpkeepReport) -> None:
        """A run of the spool's upkeep ended well."""
        self._spool_bytes.set(report.spool_bytes)
        self._quarantined_files.inc(report.set_aside)
        self._compacted_files.inc(report.merged)
        self._compaction_duration.observe(report.duration_seconds)

    def spool_not_kept(self) -> None:
        self._compaction_failures.inc()
