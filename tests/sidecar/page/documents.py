"""Health documents and a past, made up for views."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sidecar.changes import Change
from sidecar.documents import Reading
from sidecar.health import HealthDocument
from sidecar.health.contract import DependencyEntry
from sidecar.probes import Reason
from sidecar.recent import Recent
from sidecar.state import DependencyState

NOW = 1_800_000_000.0


def at(seconds_ago: float) -> str:
    moment = datetime.fromtimestamp(NOW - seconds_ago, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def row(status: str = "up", **members: Any) -> DependencyEntry:
    entry: dict[str, Any] = {
        "status": status,
        "kind": "http",
        "critical": False,
        "reason": None,
        "stale": False,
        "latency_seconds": 0.012,
        "last_checked_at": at(3),
        "last_success_at": at(3),
        "breaker": None,
    }
    return {**entry, **members}  # type: ignore[typeddict-item]


def document(status: str = "healthy", **members: Any) -> HealthDocument:
    whole: dict[str, Any] = {
        "status": status,
        "summary": "all is well",
        "checked_at": at(3),
        "dependencies": {},
        "pipeline": {
            "jobs": {"running": 0, "succeeded": 0, "degraded": 0, "failed": 0, "success_rate": None},
            "cost_usd": 0.0,
            "wasted_cost_usd": 0.0,
            "layers": [],
        },
        "budget": None,
        "rate_limits": [],
    }
    return {**whole, **members}  # type: ignore[typeddict-item]


def reading(whole: HealthDocument) -> Reading:
    return Reading(whole, json.dumps(whole).encode(), "tag", NOW)


def past(names: Any = (), *, changes: int = 0) -> Recent:
    """An hour of runs every 30 s, with a bad spell, and some changes."""
    recent = Recent()
    for name in names:
        for run in range(120):
            ended_at = NOW - 3600 + run * 30
            bad = 70 <= run < 78
            recent.latencies.note(name, ended_at, 0.01 + (run * 7 % 13) / 500, success=not bad)
    for number in range(changes):
        down = number % 2 == 0
        recent.changes.add(
            Change(
                NOW - (changes - number) * 400,
                f"dependency_{number}",
                DependencyState.UP if down else DependencyState.DOWN,
                DependencyState.DOWN if down else DependencyState.UP,
                Reason.TIMEOUT if down else None,
            )
        )
    return recent


class FixedDocuments:
    """Stands where `Documents` does."""

    def __init__(self, whole: HealthDocument) -> None:
        self.document = whole
        self.reads = 0

    async def read(self) -> Reading:
        self.reads += 1
        return reading(self.document)
