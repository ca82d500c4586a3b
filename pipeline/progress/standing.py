"""Where the jobs of this process stand, read from its metrics: the same numbers that the sidecar shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline import metrics
from pipeline.definitions import Definition
from pipeline.meter import Meter
from pipeline.metrics import DONE, NO_LAYER, BreakerState, RunOutcome

_Series = dict[str, list[tuple[Mapping[str, str], float]]]


@dataclass(slots=True)
class LayerStanding:
    """One layer: jobs that are in it, runs that are done and that failed, and what it has spent."""

    running: int = 0
    done: int = 0
    failed: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All of it at one moment. `budget_left_usd` is None where there is no budget."""

    running: int = 0
    cost_usd: float = 0.0
    layers: Mapping[str, LayerStanding] = field(default_factory=dict)
    open_breakers: tuple[str, ...] = ()
    budget_left_usd: float | None = None


def standing(meter: Meter) -> Standing:
    series: _Series = {
        sample.name: [(each.labels, each.value) for each in family.samples if each.name == sample.name]
        for family in meter.collect()
        for sample in family.samples[:1]
    }
    layers: defaultdict[str, LayerStanding] = defaultdict(LayerStanding)
    for labels, value in _of(series, metrics.PIPELINE_LAYER_JOBS_IN_PROGRESS):
        layers[labels["layer"]].running += int(value)
    for labels, value in _of(series, metrics.PIPELINE_LAYER_RUNS):
        if labels["outcome"] in DONE:
            layers[labels["layer"]].done += int(value)
        elif labels["outcome"] == RunOutcome.FAILED:
            layers[labels["layer"]].failed += int(value)
    cost_usd = 0.0
    for labels, value in _of(series, metrics.PIPELINE_COST):
        cost_usd += value
        if labels["layer"] != NO_LAYER:
            layers[labels["layer"]].cost_usd += value
    return Standing(
        running=int(_total(series, metrics.PIPELINE_JOBS_IN_PROGRESS)),
        cost_usd=cost_usd,
        layers=dict(layers),
        open_breakers=tuple(
            sorted(
                labels["dependency"]
                for labels, value in _of(series, metrics.CIRCUIT_BREAKER_STATE)
                if value and labels["state"] != BreakerState.CLOSED
            )
        ),
        budget_left_usd=_budget_left_usd(series),
    )


def _budget_left_usd(series: _Series) -> float | None:
    if not _of(series, metrics.PIPELINE_BUDGET_LIMIT):
        return None
    used_usd = _total(series, metrics.PIPELINE_BUDGET_SPENT) + _total(
        series, metrics.PIPELINE_BUDGET_RESERVED
    )
    return _total(series, metrics.PIPELINE_BUDGET_LIMIT) - used_usd


def _of(series: _Series, definition: Definition) -> list[tuple[Mapping[str, str], float]]:
    return series.get(definition.name, [])


def _total(series: _Series, definition: Definition) -> float:
    return sum(value for _, value in _of(series, definition))
