from __future__ import annotations

from pipeline import Meter, metrics
from pipeline.progress.standing import LayerStanding, standing


def test_standing_is_what_the_metrics_say() -> None:
    meter = Meter()
    meter.gauge(metrics.PIPELINE_JOBS_IN_PROGRESS).set(3)
    meter.gauge(metrics.PIPELINE_LAYER_JOBS_IN_PROGRESS, "intake").set(2)
    for outcome, runs in (("succeeded", 4), ("degraded", 1), ("failed", 2), ("cancelled", 5)):
        meter.counter(metrics.PIPELINE_LAYER_RUNS, "intake", outcome).inc(runs)
    meter.counter(metrics.PIPELINE_COST, "intake", "openai", "a").inc(0.25)
    meter.counter(metrics.PIPELINE_COST, "intake", "openai", "b").inc(0.5)
    meter.counter(metrics.PIPELINE_COST, "none", "openai", "b").inc(1)
    now = standing(meter)
    assert (now.running, now.cost_usd) == (3, 1.75)
    assert now.layers == {"intake": LayerStanding(running=2, done=5, failed=2, cost_usd=0.75)}


def test_breakers_that_are_not_closed_are_named() -> None:
    meter = Meter()
    for dependency, state in (("openai", "half_open"), ("anthropic", "open"), ("firecrawl", "closed")):
        meter.gauge(metrics.CIRCUIT_BREAKER_STATE, dependency, state).set(1)
    meter.gauge(metrics.CIRCUIT_BREAKER_STATE, "firecrawl", "open").set(0)
    assert standing(meter).open_breakers == ("anthropic", "openai")


def test_budget_left_is_what_is_neither_spent_nor_reserved() -> None:
    meter = Meter()
    assert standing(meter).budget_left_usd is None
    meter.gauge(metrics.PIPELINE_BUDGET_LIMIT).set(10)
    meter.gauge(metrics.PIPELINE_BUDGET_SPENT).set(4)
    meter.gauge(metrics.PIPELINE_BUDGET_RESERVED).set(1)
    assert standing(meter).budget_left_usd == 5
