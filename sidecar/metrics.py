"""Every metric that the sidecar emits, defined once.

`probe_…` follow blackbox_exporter's names, so that its dashboards and rules work.
"""

from __future__ import annotations

from enum import StrEnum

from pipeline.definitions import CounterDefinition, GaugeDefinition, HistogramDefinition, Label, catalogue
from sidecar.probes.result import Phase, Reason


class DependencyState(StrEnum):
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


_DEPENDENCY = Label("dependency")
_KIND = Label("kind")

PROBE_SUCCESS = GaugeDefinition(
    name="probe_success",
    help="1 if the last run of the probe found the dependency well, else 0.",
    labels=(_DEPENDENCY, _KIND),
)
PROBE_DURATION = GaugeDefinition(
    name="probe_duration_seconds", help="Time of the last run.", labels=(_DEPENDENCY, _KIND)
)
PROBE_FAILURE_REASON = GaugeDefinition(
    name="probe_failure_reason",
    help="1 for the reason for which the last run failed; all 0 when it did not fail.",
    labels=(_DEPENDENCY, Label.of("reason", Reason)),
)
PROBE_RUN_DURATION = HistogramDefinition(
    name="probe_run_duration_seconds",
    help="Time of every run.",
    labels=(_DEPENDENCY,),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
PROBE_HTTP_DURATION = GaugeDefinition(
    name="probe_http_duration_seconds",
    help="Time of each phase of the last run.",
    labels=(_DEPENDENCY, Label.of("phase", Phase)),
)
PROBE_HTTP_STATUS_CODE = GaugeDefinition(
    name="probe_http_status_code", help="Status code of the last run, 0 if none came.", labels=(_DEPENDENCY,)
)
PROBE_RUNS = CounterDefinition(name="probe_runs_total", help="Runs that ended.", labels=(_DEPENDENCY,))
PROBE_FAILURES = CounterDefinition(
    name="probe_failures_total",
    help="Runs that failed, by reason.",
    labels=(_DEPENDENCY, Label.of("reason", Reason)),
)
PROBE_LAST_RUN = GaugeDefinition(
    name="probe_last_run_timestamp_seconds",
    help="Unix time at which the last run ended, 0 before the first.",
    labels=(_DEPENDENCY,),
)
PROBE_LAST_SUCCESS = GaugeDefinition(
    name="probe_last_success_timestamp_seconds",
    help="Unix time at which the last run that succeeded ended, 0 before the first.",
    labels=(_DEPENDENCY,),
)
PROBE_INTERVAL = GaugeDefinition(
    name="probe_interval_seconds", help="Time between the starts of two runs.", labels=(_DEPENDENCY,)
)
PROBE_TIMEOUT = GaugeDefinition(
    name="probe_timeout_seconds", help="Time after which a run has failed.", labels=(_DEPENDENCY,)
)

DEPENDENCY_STATE = GaugeDefinition(
    name="dependency_state",
    help="1 for the state that the dependency is in, 0 for the others.",
    labels=(_DEPENDENCY, Label.of("state", DependencyState)),
)
DEPENDENCY_INFO = GaugeDefinition(
    name="dependency_info",
    help="Always 1; how the dependency is watched, and whether the whole is unhealthy without it.",
    labels=(_DEPENDENCY, _KIND, Label("critical", ("true", "false"))),
)

SIDECAR_BUILD_INFO = GaugeDefinition(
    name="sidecar_build_info", help="Always 1; which version is running.", labels=(Label("version"),)
)
SIDECAR_SPOOL_WORKERS = GaugeDefinition(
    name="sidecar_spool_workers", help="Workers that hold a lease in the spool, that is, live ones."
)
SIDECAR_SPOOL_FILES = GaugeDefinition(
    name="sidecar_spool_files", help="Metric files in the spool, of the living and the dead."
)
SIDECAR_SPOOL_UNREADABLE_FILES = GaugeDefinition(
    name="sidecar_spool_unreadable_files", help="Metric files that could not be read in the last collection."
)

METRICS = catalogue(globals())
