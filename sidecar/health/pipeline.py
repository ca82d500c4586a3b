"""The pipeline's part of the health document: jobs, layers, money, quota."""

from __future__ import annotations

from typing import Final

from pipeline import metrics as worker
from pipeline.metrics import NO_LAYER, RunOutcome
from sidecar.health.contract import (
    BudgetEntry,
    BudgetState,
    JobsEntry,
    LayerEntry,
    PipelineEntry,
    RateLimitEntry,
)
from sidecar.health.samples import Samples

_USD_DIGITS: Final = 9
_SECONDS_DIGITS: Final = 6
_DEFAULT_WARN_RATIO: Final = 0.8

LAYER_ORDER: Final = (
    "intake",
    "pain_points",
    "research",
    "opportunity",
    "people",
    "generation",
    "publish",
)
"""Layers of these names are shown in this order, others after them by name."""


def pipeline_entry(samples: Samples) -> PipelineEntry:
    return {
        "jobs": _jobs(samples),
        "cost_usd": _usd(samples.total(worker.PIPELINE_COST)),
        "wasted_cost_usd": _usd(samples.total(worker.PIPELINE_WASTED_COST)),
        "layers": [_layer(samples, name) for name in _layer_names(samples)],
    }


def budget_entry(samples: Samples, now: float) -> BudgetEntry | None:
    """None when there is no budget. Of a period that is over at the Unix time `now` nothing counts.

    A call is refused as soon as less is left than it may cost: so an enforced budget is spent, for whoever
    asks, before all of it is.
    """
    limit = samples.value(worker.PIPELINE_BUDGET_LIMIT)
    if limit is None:
        return None
    period_end = samples.value(worker.PIPELINE_BUDGET_PERIOD_END)
    is_over = period_end is not None and 0 < period_end <= now
    spent = 0.0 if is_over else samples.total(worker.PIPELINE_BUDGET_SPENT)
    reserved = 0.0 if is_over else samples.total(worker.PIPELINE_BUDGET_RESERVED)
    warn_ratio = samples.value(worker.PIPELINE_BUDGET_WARN_RATIO)
    warn_from = limit * (_DEFAULT_WARN_RATIO if warn_ratio is None else warn_ratio)
    is_refusing = not is_over and samples.value(worker.PIPELINE_BUDGET_REFUSING) == 1
    state = BudgetState.OK
    if spent >= limit or is_refusing:
        state = BudgetState.SPENT
    elif spent >= warn_from:
        state = BudgetState.WARNING
    return {
        "limit_usd": _usd(limit),
        "spent_usd": _usd(spent),
        "reserved_usd": _usd(reserved),
        "state": state.value,
    }


def rate_limit_entries(samples: Samples) -> list[RateLimitEntry]:
    rows: list[RateLimitEntry] = []
    for labels, limit in samples.series(worker.PIPELINE_RATE_LIMIT_LIMIT):
        dependency, window = labels.get("dependency", ""), labels.get("window", "")
        remaining = samples.value(worker.PIPELINE_RATE_LIMIT_REMAINING, dependency=dependency, window=window)
        if remaining is not None:
            rows.append(
                {
                    "dependency": dependency,
                    "window": window,
                    "limit": int(limit),
                    "remaining": int(remaining),
                }
            )
    return sorted(rows, key=lambda row: (row["dependency"], row["window"]))


def _jobs(samples: Samples) -> JobsEntry:
    succeeded = _ended(samples, RunOutcome.SUCCEEDED)
    degraded = _ended(samples, RunOutcome.DEGRADED)
    failed = _ended(samples, RunOutcome.FAILED)
    ended = succeeded + degraded + failed
    return {
        "running": int(samples.total(worker.PIPELINE_JOBS_IN_PROGRESS)),
        "succeeded": succeeded,
        "degraded": degraded,
        "failed": failed,
        "success_rate": round((succeeded + degraded) / ended, 3) if ended else None,
    }


def _ended(samples: Samples, outcome: RunOutcome) -> int:
    return int(samples.total(worker.PIPELINE_JOBS, outcome=outcome.value))


def _layer_names(samples: Samples) -> list[str]:
    names = samples.label_values(worker.PIPELINE_LAYER_RUNS, "layer") - {NO_LAYER}
    known = {name: position for position, name in enumerate(LAYER_ORDER)}
    return sorted(names, key=lambda name: (known.get(name, len(known)), name))


def _layer(samples: Samples, name: str) -> LayerEntry:
    mean = samples.mean(worker.PIPELINE_LAYER_DURATION, layer=name)
    return {
        "layer": name,
        "running": int(samples.total(worker.PIPELINE_LAYER_JOBS_IN_PROGRESS, layer=name)),
        "runs": int(samples.total(worker.PIPELINE_LAYER_RUNS, layer=name)),
        "failures": int(
            samples.total(worker.PIPELINE_LAYER_RUNS, layer=name, outcome=RunOutcome.FAILED.value)
        ),
        "mean_duration_seconds": None if mean is None else round(mean, _SECONDS_DIGITS),
        "cost_usd": _usd(samples.total(worker.PIPELINE_COST, layer=name)),
    }


def _usd(amount: float) -> float:
    return round(amount, _USD_DIGITS)
