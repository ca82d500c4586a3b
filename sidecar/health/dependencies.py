"""The rows of the health document: one a dependency, probed or only called."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from pipeline import metrics as worker
from pipeline.metrics import BreakerState
from sidecar import metrics
from sidecar.health.contract import BreakerEntry, DependencyEntry
from sidecar.health.samples import Samples
from sidecar.state import DependencyState

STALE_AFTER_INTERVALS: Final = 3
"""A probe that has not run for so many of its intervals says nothing about now."""

_WORST_FIRST: Final = (BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED)


def dependency_entries(samples: Samples, now: float) -> dict[str, DependencyEntry]:
    probed = samples.label_values(metrics.DEPENDENCY_INFO, "dependency")
    called = samples.label_values(worker.CIRCUIT_BREAKER_STATE, "dependency")
    return {name: _entry(samples, name, now) for name in sorted(probed | called)}


def last_check(samples: Samples) -> str | None:
    """When a probe last ended, None before the first."""
    return _time_of(max((value for _, value in samples.series(metrics.PROBE_LAST_RUN)), default=None))


def _entry(samples: Samples, name: str, now: float) -> DependencyEntry:
    last_run = samples.value(metrics.PROBE_LAST_RUN, dependency=name)
    state = samples.active_label(metrics.DEPENDENCY_STATE, "state", dependency=name)
    return {
        "status": state or DependencyState.UNKNOWN.value,
        "kind": samples.active_label(metrics.DEPENDENCY_INFO, "kind", dependency=name),
        "critical": samples.active_label(metrics.DEPENDENCY_INFO, "critical", dependency=name) == "true",
        # A single failure that the debounced state waves through needs no explanation.
        "reason": None
        if state == DependencyState.UP
        else samples.active_label(metrics.PROBE_FAILURE_REASON, "reason", dependency=name),
        "stale": _is_stale(last_run, samples.value(metrics.PROBE_INTERVAL, dependency=name), now),
        "latency_seconds": samples.value(metrics.PROBE_DURATION, dependency=name),
        "last_checked_at": _time_of(last_run),
        "last_success_at": _time_of(samples.value(metrics.PROBE_LAST_SUCCESS, dependency=name)),
        "breaker": _breaker(samples, name),
    }


def _is_stale(last_run: float | None, interval_seconds: float | None, now: float) -> bool:
    if not last_run or interval_seconds is None:
        return False
    return now - last_run > STALE_AFTER_INTERVALS * interval_seconds


def _breaker(samples: Samples, name: str) -> BreakerEntry | None:
    """None when no live worker calls this dependency."""
    workers = {
        state: int(samples.total(worker.CIRCUIT_BREAKER_STATE, dependency=name, state=state.value))
        for state in BreakerState
    }
    worst = next((state for state in _WORST_FIRST if workers[state] > 0), None)
    if worst is None:
        return None
    return {"state": worst.value, "workers": {state.value: count for state, count in workers.items()}}


def _time_of(timestamp_seconds: float | None) -> str | None:
    """RFC 3339 in UTC with milliseconds; a gauge of time is 0 when there is none yet."""
    if not timestamp_seconds:
        return None
    try:
        moment = datetime.fromtimestamp(timestamp_seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
