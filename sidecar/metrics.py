"""Every metric that the sidecar emits, defined once.

`probe_…` follow blackbox_exporter's names, so that its dashboards and rules work.
"""

from __future__ import annotations

from pipeline.definitions import CounterDefinition, GaugeDefinition, HistogramDefinition, Label, catalogue
from sidecar.probes.result import Phase, QuotaUnit, Reason
from sidecar.state import DependencyState

_DEPENDENCY = Label("dependency")
_KIND = Label("kind")
_DELAY_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

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
PROBE_SSL_EARLIEST_CERT_EXPIRY = GaugeDefinition(
    name="probe_ssl_earliest_cert_expiry",
    help="Unix time at which the first certificate of the chain expires.",
    labels=(_DEPENDENCY,),
)
PROBE_RUNS = CounterDefinition(name="probe_runs_total", help="Runs that ended.", labels=(_DEPENDENCY,))
PROBE_FAILURES = CounterDefinition(
    name="probe_failures_total",
    help="Runs that failed, by reason.",
    labels=(_DEPENDENCY, Label.of("reason", Reason)),
)
PROBE_MISSED_RUNS = CounterDefinition(
    name="probe_missed_runs_total",
    help="Times that a run was due while the one before had not ended.",
    labels=(_DEPENDENCY,),
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
    help="1 for the state that the dependency is in after debouncing, 0 for the others.",
    labels=(_DEPENDENCY, Label.of("state", DependencyState)),
)
DEPENDENCY_INFO = GaugeDefinition(
    name="dependency_info",
    help="Always 1; how the dependency is watched, and whether the whole is unhealthy without it.",
    labels=(_DEPENDENCY, _KIND, Label("critical", ("true", "false"))),
)

DEPENDENCY_QUOTA_REMAINING = GaugeDefinition(
    name="dependency_quota_remaining",
    help="What the provider says is left, in the unit of the label.",
    labels=(_DEPENDENCY, Label.of("unit", QuotaUnit)),
)

SIDECAR_BUILD_INFO = GaugeDefinition(
    name="sidecar_build_info", help="Always 1; which version is running.", labels=(Label("version"),)
)
SIDECAR_PROBE_START_DELAY = HistogramDefinition(
    name="sidecar_probe_start_delay_seconds",
    help="Time from when a probe was due to when it began: when it is long, the sidecar is slow.",
    buckets=_DELAY_SECONDS,
)
SIDECAR_EVENT_LOOP_LAG = HistogramDefinition(
    name="sidecar_event_loop_lag_seconds",
    help="How much later than asked for the event loop wakes up.",
    buckets=_DELAY_SECONDS,
)
SIDECAR_CONFIG_LAST_RELOAD_SUCCESSFUL = GaugeDefinition(
    name="sidecar_config_last_reload_successful",
    help="1 if the configuration that was read last was valid; if 0 the one before is in force.",
)
SIDECAR_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP = GaugeDefinition(
    name="sidecar_config_last_reload_success_timestamp_seconds",
    help="Unix time at which the configuration that is in force was read.",
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
SIDECAR_SPOOL_BYTES = GaugeDefinition(
    name="sidecar_spool_bytes", help="Space on disk that the spool takes, with all that was set aside."
)
SIDECAR_SPOOL_QUARANTINED_FILES = CounterDefinition(
    name="sidecar_spool_quarantined_files_total", help="Damaged metric files that were set aside."
)
SIDECAR_SPOOL_COMPACTED_FILES = CounterDefinition(
    name="sidecar_spool_compacted_files_total", help="Metric files of dead workers that were merged."
)
SIDECAR_SPOOL_COMPACTION_DURATION = HistogramDefinition(
    name="sidecar_spool_compaction_duration_seconds",
    help="Time of every look for dead workers, and of merging what they left.",
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0),
)
SIDECAR_SPOOL_COMPACTION_FAILURES = CounterDefinition(
    name="sidecar_spool_compaction_failures_total",
    help="Looks for dead workers, or merges of what they left, that an error ended.",
)

METRICS = catalogue(globals())
