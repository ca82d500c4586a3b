from __future__ import annotations

import json
from typing import Any

import pytest
from prometheus_client import Metric

from pipeline import metrics as worker
from pipeline.definitions import Definition, HistogramDefinition
from sidecar import metrics
from sidecar.health import health_document
from sidecar.state import DependencyState

NOW = 1_800_000_000.0


class Snapshot:
    """A registry's content, written sample by sample."""

    def __init__(self) -> None:
        self.families: dict[str, Metric] = {}

    def add(self, definition: Definition, value: float, **labels: str) -> Snapshot:
        family = self._family(definition)
        family.add_sample(definition.name, labels, value)
        return self

    def observe(self, definition: HistogramDefinition, count: float, total: float, **labels: str) -> Snapshot:
        family = self._family(definition)
        family.add_sample(f"{definition.name}_count", labels, count)
        family.add_sample(f"{definition.name}_sum", labels, total)
        return self

    def dependency(
        self,
        name: str,
        state: str = "up",
        *,
        critical: str = "false",
        reason: str = "",
        last_run: float = NOW,
    ) -> Snapshot:
        self.add(metrics.DEPENDENCY_INFO, 1, dependency=name, kind="http", critical=critical)
        for each in DependencyState:
            self.add(metrics.DEPENDENCY_STATE, float(each == state), dependency=name, state=each.value)
        if reason:
            self.add(metrics.PROBE_FAILURE_REASON, 1, dependency=name, reason=reason)
        self.add(metrics.PROBE_INTERVAL, 30, dependency=name)
        return self.add(metrics.PROBE_LAST_RUN, last_run, dependency=name)

    def breaker(self, name: str, **workers: float) -> Snapshot:
        for state, count in workers.items():
            self.add(worker.CIRCUIT_BREAKER_STATE, count, dependency=name, state=state)
        return self

    def budget(self, limit: float, spent: float) -> Snapshot:
        self.add(worker.PIPELINE_BUDGET_LIMIT, limit)
        self.add(worker.PIPELINE_BUDGET_WARN_RATIO, 0.8)
        return self.add(worker.PIPELINE_BUDGET_SPENT, spent)

    def document(self) -> Any:
        return health_document(self.families.values(), NOW)

    def _family(self, definition: Definition) -> Metric:
        return self.families.setdefault(
            definition.name, Metric(definition.family, definition.help, definition.type)
        )


@pytest.mark.parametrize(
    ("snapshot", "status", "summary"),
    [
        (Snapshot(), "healthy", "no dependency is watched"),
        (Snapshot().dependency("a"), "healthy", "the one dependency is up"),
        (Snapshot().dependency("a").dependency("b"), "healthy", "all 2 dependencies are up"),
        (Snapshot().dependency("a", "down", reason="timeout"), "degraded", "a is down (timeout)"),
        (
            Snapshot().dependency("a", "down", critical="true", reason="dns"),
            "unhealthy",
            "a is down (dns)",
        ),
        (
            Snapshot().dependency("a", "degraded", critical="true", reason="quota"),
            "degraded",
            "a is degraded (quota)",
        ),
        (Snapshot().dependency("a", "unknown", last_run=0), "degraded", "a has not been checked yet"),
        (
            Snapshot().dependency("a", last_run=NOW - 91),
            "degraded",
            "a has not been checked since 2027-01-15T07:58:29.000Z",
        ),
        (Snapshot().dependency("a", last_run=NOW - 90), "healthy", "the one dependency is up"),
        (Snapshot().dependency("a").breaker("a", open=1, closed=3), "degraded", "the breaker of a is open"),
        (Snapshot().breaker("b", half_open=1), "degraded", "the breaker of b is half-open"),
        (Snapshot().breaker("b", closed=4), "healthy", "no dependency is watched"),
        (Snapshot().budget(100, 80), "degraded", "the budget is past its warning"),
        (Snapshot().budget(100, 100), "degraded", "the budget is spent"),
        (
            Snapshot().budget(100, 79).add(worker.PIPELINE_BUDGET_REFUSING, 1),
            "degraded",
            "the budget refuses calls: too little of it is left",
        ),
        (
            Snapshot().budget(100, 79).add(worker.PIPELINE_BUDGET_REFUSING, 0),
            "healthy",
            "no dependency is watched",
        ),
    ],
)
def test_status_and_summary_say_what_is_wrong(snapshot: Snapshot, status: str, summary: str) -> None:
    document = snapshot.document()
    assert (document["status"], document["summary"]) == (status, summary)


def test_a_dependency_that_is_only_called_has_a_row() -> None:
    row = Snapshot().breaker("openai", closed=2, open=0).document()["dependencies"]["openai"]
    assert row["status"] == "unknown"
    assert row["kind"] is None
    assert row["breaker"] == {"state": "closed", "workers": {"closed": 2, "half_open": 0, "open": 0}}


def test_a_breaker_without_live_workers_is_no_breaker() -> None:
    snapshot = Snapshot().dependency("a").breaker("a", closed=0, open=0)
    assert snapshot.document()["dependencies"]["a"]["breaker"] is None


def test_the_worst_breaker_state_is_told() -> None:
    document = Snapshot().breaker("a", closed=3, half_open=1).document()
    assert document["dependencies"]["a"]["breaker"]["state"] == "half_open"


def test_a_document_of_many_dependencies_looks_at_each_series_a_few_times() -> None:
    looked_at = 0

    class Counted(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            nonlocal looked_at
            looked_at += 1
            return super().get(key, default)

    snapshot = Snapshot()
    for number in range(100):
        snapshot.dependency(f"d{number}")
    series = 0
    for family in snapshot.families.values():
        family.samples = [sample._replace(labels=Counted(sample.labels)) for sample in family.samples]
        series += len(family.samples)
    snapshot.document()
    assert looked_at < 20 * series


def test_jobs_layers_and_money_are_summed_over_labels() -> None:
    snapshot = Snapshot()
    snapshot.add(worker.PIPELINE_JOBS, 40, outcome="succeeded").add(worker.PIPELINE_JOBS, 1, outcome="failed")
    snapshot.add(worker.PIPELINE_JOBS, 5, outcome="cancelled")
    snapshot.add(worker.PIPELINE_COST, 0.1, layer="publish", dependency="a", model="m")
    snapshot.add(worker.PIPELINE_COST, 0.2, layer="publish", dependency="a", model="n")
    snapshot.add(worker.PIPELINE_LAYER_RUNS, 9, layer="publish", outcome="succeeded")
    snapshot.add(worker.PIPELINE_LAYER_RUNS, 1, layer="publish", outcome="failed")
    snapshot.observe(worker.PIPELINE_LAYER_DURATION, 10, 41.0, layer="publish")
    pipeline = snapshot.document()["pipeline"]
    assert pipeline["jobs"] == {
        "running": 0,
        "succeeded": 40,
        "degraded": 0,
        "failed": 1,
        "success_rate": 0.976,
    }
    assert pipeline["cost_usd"] == 0.3
    assert pipeline["layers"] == [
        {
            "layer": "publish",
            "running": 0,
            "runs": 10,
            "failures": 1,
            "mean_duration_seconds": 4.1,
            "cost_usd": 0.3,
        }
    ]


def test_layers_come_in_the_order_in_which_they_run() -> None:
    snapshot = Snapshot()
    for layer in ("zebra", "publish", "apple", "intake", "none"):
        snapshot.add(worker.PIPELINE_LAYER_RUNS, 1, layer=layer, outcome="succeeded")
    layers = [row["layer"] for row in snapshot.document()["pipeline"]["layers"]]
    assert layers == ["intake", "publish", "apple", "zebra"]


def test_what_was_spent_in_a_period_that_is_over_counts_no_longer() -> None:
    """The last worker ended before midnight; the next one will say that nothing is spent."""
    snapshot = Snapshot().budget(100, 100).add(worker.PIPELINE_BUDGET_REFUSING, 1)
    over = snapshot.add(worker.PIPELINE_BUDGET_PERIOD_END, NOW).document()
    assert (over["status"], over["budget"]["spent_usd"], over["budget"]["state"]) == ("healthy", 0.0, "ok")
    on = Snapshot().budget(100, 100).add(worker.PIPELINE_BUDGET_PERIOD_END, NOW + 1).document()
    assert (on["status"], on["budget"]["spent_usd"], on["budget"]["state"]) == ("degraded", 100.0, "spent")


def test_a_budget_that_refuses_calls_is_spent_before_its_limit_is() -> None:
    for refusing, state in ((0, "warning"), (1, "spent")):
        snapshot = Snapshot().budget(100, 99.8).add(worker.PIPELINE_BUDGET_REFUSING, refusing)
        budget = snapshot.document()["budget"]
        assert (budget["spent_usd"], budget["state"]) == (99.8, state)


def test_there_is_no_budget_without_a_limit() -> None:
    assert Snapshot().document()["budget"] is None


def test_rate_limits_come_with_what_remains() -> None:
    snapshot = Snapshot()
    for window, limit, remaining in (("minute", 60, 7), ("day", 600, 12)):
        labels = {"dependency": "firecrawl", "window": window}
        snapshot.add(worker.PIPELINE_RATE_LIMIT_LIMIT, limit, **labels)
        snapshot.add(worker.PIPELINE_RATE_LIMIT_REMAINING, remaining, **labels)
    assert snapshot.document()["rate_limits"] == [
        {"dependency": "firecrawl", "window": "day", "limit": 600, "remaining": 12},
        {"dependency": "firecrawl", "window": "minute", "limit": 60, "remaining": 7},
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e308])
def test_absurd_values_leave_valid_json(value: float) -> None:
    snapshot = Snapshot().dependency("a", last_run=value).breaker("a", open=value).budget(value, value)
    for outcome in ("succeeded", "failed"):
        snapshot.add(worker.PIPELINE_JOBS, value, outcome=outcome)
        snapshot.add(worker.PIPELINE_JOBS, value, outcome=outcome)
    snapshot.observe(worker.PIPELINE_LAYER_DURATION, value, value, layer="publish")
    json.dumps(snapshot.document(), allow_nan=False)
