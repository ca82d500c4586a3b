"""Breakers, and where they and the probes disagree."""

from __future__ import annotations

from typing import Final

from dashboards.queries import EVERYWHERE, highest, one_of, total
from dashboards.rules import Alert, Group, Severity
from pipeline.metrics import CIRCUIT_BREAKER_STATE, PIPELINE_CALLS, BreakerState, CallOutcome
from sidecar.metrics import PROBE_SUCCESS

# Half-open counts as open: a trial that fails would otherwise start the alert's clock anew.
_NOT_CLOSED = one_of(BreakerState.OPEN, BreakerState.HALF_OPEN)
_OPEN_WORKERS = total(EVERYWHERE.series(CIRCUIT_BREAKER_STATE, state=_NOT_CLOSED), "dependency")
_UP = highest(EVERYWHERE.series(PROBE_SUCCESS), "dependency")
_SUCCEEDED = total(EVERYWHERE.increase(PIPELINE_CALLS, "5m", outcome=CallOutcome.SUCCESS), "dependency")

BREAKERS: Final = Group(
    "pipeline-breakers",
    alerts=(
        Alert(
            name="BreakerOpen",
            expression=f"{_OPEN_WORKERS} > 0",
            hold_seconds=300,
            severity=Severity.WARNING,
            summary="Calls to {{ $labels.dependency }} are rejected by the breaker",
            description=(
                "In {{ $value }} of the workers the breaker of {{ $labels.dependency }} has not been closed "
                "for five minutes."
            ),
        ),
        Alert(
            name="BreakerOpenProbeUp",
            expression=f"{_OPEN_WORKERS} > 0 and on (dependency) {_UP} == 1",
            hold_seconds=600,
            severity=Severity.WARNING,
            summary="{{ $labels.dependency }}: the probe says up, the breaker says down",
            description=(
                "In {{ $value }} of the workers the breaker of {{ $labels.dependency }} has not been closed "
                "for ten minutes, while its probe succeeds."
            ),
        ),
        Alert(
            name="BreakerClosedProbeDown",
            expression=(
                f"{_SUCCEEDED} > 0 and on (dependency) {_UP} == 0 and on (dependency) {_OPEN_WORKERS} == 0"
            ),
            hold_seconds=600,
            severity=Severity.WARNING,
            summary="{{ $labels.dependency }}: the probe says down, calls succeed",
            description=(
                "The probe of {{ $labels.dependency }} has failed for ten minutes, while its breaker is "
                "closed and calls succeed."
            ),
        ),
    ),
)
