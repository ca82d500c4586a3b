"""What is known of one probe's last runs, for a person who wants to know why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sidecar.history import PastRun
from sidecar.watch import Watch


def debug_document(watch: Watch) -> dict[str, Any]:
    """The last results and, apart from them, the last failures, newest first, each with its steps.

    Nothing in it is taken from options, answers or headers; it is still to be redacted by value.
    """
    return {
        "dependency": watch.name,
        "kind": watch.probe.kind,
        "state": watch.state.value,
        "interval_seconds": watch.options.interval_seconds,
        "timeout_seconds": watch.options.timeout_seconds,
        "results": [_run(run) for run in watch.history.results()],
        "failures": [_run(run) for run in watch.history.failures()],
    }


def _run(run: PastRun) -> dict[str, Any]:
    result = run.result
    http = result.http
    return {
        "ended_at": datetime.fromtimestamp(run.ended_at, UTC).isoformat(timespec="milliseconds"),
        "success": result.success,
        "state": run.state.value,
        "reason": result.reason,
        "detail": result.detail,
        "duration_seconds": round(result.duration_seconds, 6),
        "http_status_code": None if http is None else http.status_code,
        "phases": {} if http is None else {name: round(took, 6) for name, took in http.phase_seconds.items()},
        "quota_remaining": dict(result.quota_remaining),
        "trace": [{"at_seconds": round(step.at_seconds, 6), "step": step.text} for step in result.trace],
    }
