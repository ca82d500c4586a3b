"""The shape of the health document: the contract with every frontend."""

from __future__ import annotations

from enum import StrEnum

from typing_extensions import TypedDict


class Status(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class BudgetState(StrEnum):
    OK = "ok"
    WARNING = "warning"
    SPENT = "spent"


class BreakerEntry(TypedDict):
    """`state` is the worst of the live workers'; `workers` counts them by state."""

    state: str
    workers: dict[str, int]


class DependencyEntry(TypedDict):
    """One row. Times are RFC 3339 in UTC; `kind` is None for a dependency that is called but not probed."""

    status: str
    kind: str | None
    critical: bool
    reason: str | None
    stale: bool
    latency_seconds: float | None
    last_checked_at: str | None
    last_success_at: str | None
    breaker: BreakerEntry | None


class JobsEntry(TypedDict):
    running: int
    succeeded: int
    degraded: int
    failed: int
    success_rate: float | None


class LayerEntry(TypedDict):
    layer: str
    running: int
    runs: int
    failures: int
    mean_duration_seconds: float | None
    cost_usd: float


class PipelineEntry(TypedDict):
    jobs: JobsEntry
    cost_usd: float
    wasted_cost_usd: float
    layers: list[LayerEntry]


class BudgetEntry(TypedDict):
    """`state` is `spent` from the limit on, or while what is left is too little for what workers ask for."""

    limit_usd: float
    spent_usd: float
    reserved_usd: float
    state: str


class RateLimitEntry(TypedDict):
    dependency: str
    window: str
    limit: int
    remaining: int


class HealthDocument(TypedDict):
    """What `GET /api/health/status` answers; `checked_at` is when a probe last ended, None before any did."""

    status: str
    summary: str
    checked_at: str | None
    dependencies: dict[str, DependencyEntry]
    pipeline: PipelineEntry
    budget: BudgetEntry | None
    rate_limits: list[RateLimitEntry]
