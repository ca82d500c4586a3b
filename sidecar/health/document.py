"""The whole document: the rows, and what they mean together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Metric

from pipeline.metrics import BreakerState
from sidecar.health.contract import BudgetEntry, BudgetState, DependencyEntry, HealthDocument, Status
from sidecar.health.dependencies import dependency_entries, last_check
from sidecar.health.pipeline import budget_entry, pipeline_entry, rate_limit_entries
from sidecar.health.samples import Samples
from sidecar.state import DependencyState


def health_document(families: Iterable[Metric], now: float) -> HealthDocument:
    """Compute the document.

    Args:
        families: one snapshot of the registry, or what was parsed from the text of `/metrics`.
        now: Unix time in seconds; it decides what is stale or over, and nothing else.
    """
    samples = Samples(families)
    dependencies = dependency_entries(samples, now)
    budget = budget_entry(samples, now)
    findings = list(_findings(dependencies, budget))
    return {
        "status": _status(dependencies, findings).value,
        "summary": "; ".join(findings) or _all_is_well(dependencies),
        "checked_at": last_check(samples),
        "dependencies": dependencies,
        "pipeline": pipeline_entry(samples),
        "budget": budget,
        "rate_limits": rate_limit_entries(samples),
    }


def _status(dependencies: Mapping[str, DependencyEntry], findings: list[str]) -> Status:
    if any(entry["critical"] and entry["status"] == DependencyState.DOWN for entry in dependencies.values()):
        return Status.UNHEALTHY
    return Status.DEGRADED if findings else Status.HEALTHY


def _findings(dependencies: Mapping[str, DependencyEntry], budget: BudgetEntry | None) -> Iterator[str]:
    """What is wrong, in words; what is worst comes first."""
    for state in (DependencyState.DOWN, DependencyState.DEGRADED):
        for name, entry in dependencies.items():
            if entry["status"] == state:
                yield f"{name} is {state}{_because(entry)}"
    for name, entry in dependencies.items():
        yield from _doubts(name, entry)
    if budget is not None and budget["state"] == BudgetState.SPENT:
        is_all = budget["spent_usd"] >= budget["limit_usd"]
        yield "the budget is spent" if is_all else "the budget refuses calls: too little of it is left"
    elif budget is not None and budget["state"] == BudgetState.WARNING:
        yield "the budget is past its warning"


def _doubts(name: str, entry: DependencyEntry) -> Iterator[str]:
    """What is not well-known of a dependency, and what its callers think of it."""
    if entry["stale"]:
        yield f"{name} has not been checked since {entry['last_checked_at']}"
    elif entry["kind"] is not None and entry["last_checked_at"] is None:
        yield f"{name} has not been checked yet"
    elif entry["kind"] is not None and entry["status"] == DependencyState.UNKNOWN:
        yield f"the state of {name} is not known{_because(entry)}"
    breaker = entry["breaker"]
    if breaker is not None and breaker["state"] != BreakerState.CLOSED:
        words = "half-open" if breaker["state"] == BreakerState.HALF_OPEN else breaker["state"]
        yield f"the breaker of {name} is {words}"


def _because(entry: DependencyEntry) -> str:
    return f" ({entry['reason']})" if entry["reason"] else ""


def _all_is_well(dependencies: Mapping[str, DependencyEntry]) -> str:
    probed = sum(entry["kind"] is not None for entry in dependencies.values())
    if probed == 0:
        return "no dependency is watched"
    return "the one dependency is up" if probed == 1 else f"all {probed} dependencies are up"
