"""Dependencies as the probes see them."""

from __future__ import annotations

from typing import Final

from dashboards.projection import quota_in_a_day
from dashboards.queries import EVERYWHERE, KNOWN_FOR, ScrapeSeries, highest, lowest
from dashboards.rules import Alert, Group, Severity
from sidecar import metrics

_DAY_SECONDS: Final = 86_400

# With several sidecars a dependency is down when none of them reaches it.
_PROBE = EVERYWHERE.series(metrics.PROBE_SUCCESS)
_UP = highest(_PROBE, "dependency")
_CRITICAL = EVERYWHERE.series(metrics.DEPENDENCY_INFO, critical="true")
# Each reason once, however many sidecars found it.
_REASON = (
    "{{ range query (printf `max by (reason) ("
    + EVERYWHERE.series(metrics.PROBE_FAILURE_REASON)
    + '{dependency="%s"}) == 1` $labels.dependency) }} ({{ .Labels.reason }}){{ end }}'
)
_REASON_HERE = (
    "{{ range query (printf `max by (reason) ("
    + EVERYWHERE.series(metrics.PROBE_FAILURE_REASON)
    + '{dependency="%s", instance="%s"}) == 1` $labels.dependency $labels.instance) }}'
    + " ({{ .Labels.reason }}){{ end }}"
)
_INTERVAL = EVERYWHERE.series(metrics.PROBE_INTERVAL)
_MANY_CHANGES: Final = 5
# Each window has room for ten runs or more of the probes that are judged by it and by no shorter one.
_LONGER_WINDOWS: Final = ((120, "1h"), (360, "6h"), (1800, "1d"))


def _flapping() -> str:
    """More changes than `_MANY_CHANGES`: in 15 minutes, or in a window as long as slow probes need."""
    changes = [f"changes({_PROBE}[15m]) > {_MANY_CHANGES}"]
    changes += [
        f"(changes({_PROBE}[{window}]) > {_MANY_CHANGES} and ignoring (kind) {_INTERVAL} >= {from_seconds})"
        for from_seconds, window in _LONGER_WINDOWS
    ]
    return highest(" or ".join(changes), "dependency")


_LEFT_SECONDS = f"{lowest(EVERYWHERE.series(metrics.PROBE_SSL_EARLIEST_CERT_EXPIRY), 'dependency')} - time()"

DEPENDENCIES: Final = Group(
    "pipeline-dependencies",
    alerts=(
        Alert(
            name="CriticalProbeDown",
            expression=f"{_UP} == 0 and on (dependency) {_CRITICAL}",
            hold_seconds=120,
            severity=Severity.CRITICAL,
            summary="{{ $labels.dependency }} is down, and nothing works without it",
            description=f"Every probe of {{{{ $labels.dependency }}}} has failed for two minutes{_REASON}.",
        ),
        Alert(
            name="ProbeDown",
            expression=f"{_UP} == 0 unless on (dependency) {_CRITICAL}",
            hold_seconds=120,
            severity=Severity.WARNING,
            summary="{{ $labels.dependency }} is down",
            description=f"Every probe of {{{{ $labels.dependency }}}} has failed for two minutes{_REASON}.",
        ),
        Alert(
            name="ProbeDownHere",
            expression=f"{_PROBE} == 0 and on (dependency) {_UP} == 1",
            hold_seconds=600,
            severity=Severity.WARNING,
            summary="{{ $labels.instance }} does not reach {{ $labels.dependency }}, others do",
            description=(
                f"The probe of {{{{ $labels.dependency }}}} by {{{{ $labels.instance }}}} has failed for ten "
                f"minutes{_REASON_HERE}, while that of another sidecar succeeds."
            ),
        ),
        Alert(
            name="DependencyUnwatched",
            expression=(
                f"group by (dependency) (last_over_time({_PROBE}[{KNOWN_FOR}])) "
                f"unless group by (dependency) ({_PROBE}) "
                # Where none is scraped at all that is the cause, and has alerts of its own.
                f"and on () {EVERYWHERE.scrape(ScrapeSeries.UP)} == 1"
            ),
            hold_seconds=300,
            severity=Severity.WARNING,
            summary="Nobody watches {{ $labels.dependency }} any more",
            description=(
                f"It was probed within the last {KNOWN_FOR}, and now no sidecar does: whether it is up is "
                "not known, and its alerts have ended without being over."
            ),
        ),
        Alert(
            name="ProbeFlapping",
            expression=_flapping(),
            hold_seconds=120,
            severity=Severity.WARNING,
            summary="{{ $labels.dependency }} comes and goes",
            description=(
                "The probe of {{ $labels.dependency }} changed between success and failure "
                "{{ $value }} times within 15 minutes, or within some thirty of its runs if it is slow."
            ),
        ),
        Alert(
            name="ProbeStale",
            expression=(
                f"time() - {highest(EVERYWHERE.series(metrics.PROBE_LAST_RUN), 'dependency')} "
                f"> 3 * {highest(EVERYWHERE.series(metrics.PROBE_INTERVAL), 'dependency')}"
            ),
            hold_seconds=120,
            severity=Severity.WARNING,
            summary="Nothing new is known of {{ $labels.dependency }}",
            description=(
                "The probe of {{ $labels.dependency }} last ended {{ $value | humanizeDuration }} ago, "
                "more than three of its intervals."
            ),
        ),
        Alert(
            name="CertificateExpiresSoon",
            expression=f"{_LEFT_SECONDS} < {20 * _DAY_SECONDS}",
            hold_seconds=600,
            severity=Severity.WARNING,
            summary="A certificate of {{ $labels.dependency }} expires within 20 days",
            description="It expires in {{ $value | humanizeDuration }}.",
        ),
        Alert(
            name="CertificateExpiresVerySoon",
            expression=f"{_LEFT_SECONDS} < {3 * _DAY_SECONDS}",
            hold_seconds=600,
            severity=Severity.CRITICAL,
            summary="A certificate of {{ $labels.dependency }} expires within 3 days",
            description="It expires in {{ $value | humanizeDuration }}.",
        ),
        Alert(
            name="QuotaNearEnd",
            expression=f"{lowest(quota_in_a_day(EVERYWHERE), 'dependency', 'unit')} < 0",
            hold_seconds=1800,
            severity=Severity.WARNING,
            summary="{{ $labels.dependency }} runs out of {{ $labels.unit }} within a day",
            description="At the pace of the last six hours nothing is left of the provider's quota tomorrow.",
        ),
        Alert(
            name="QuotaSpent",
            expression=(
                f"{lowest(EVERYWHERE.series(metrics.DEPENDENCY_QUOTA_REMAINING), 'dependency', 'unit')} <= 0"
            ),
            hold_seconds=300,
            severity=Severity.CRITICAL,
            summary="{{ $labels.dependency }} has no {{ $labels.unit }} left",
            description="The provider says that {{ $value }} {{ $labels.unit }} are left.",
        ),
    ),
)
