"""Document → what the templates show. Nothing here escapes: the templates do, everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pipeline.metrics import BreakerState
from sidecar.documents import Reading
from sidecar.health.contract import (
    BreakerEntry,
    BudgetEntry,
    BudgetState,
    DependencyEntry,
    HealthDocument,
    RateLimitEntry,
)
from sidecar.page import formats, words
from sidecar.page.marks import mark_name
from sidecar.page.sparkline import Sparkline, sparkline
from sidecar.recent import Recent
from sidecar.state import DependencyState

_WORST_FIRST: Final = (DependencyState.DOWN, DependencyState.DEGRADED, DependencyState.UNKNOWN)
_FEW: Final = 0.1
"""Of a quota of which less than this share is left, few are left."""
_BUDGET_MARKS: Final = {BudgetState.OK: "up", BudgetState.WARNING: "degraded", BudgetState.SPENT: "down"}
_SHOWN_FINDINGS: Final = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One dependency; times are RFC 3339."""

    name: str
    mark: str
    state: str
    critical: bool
    reason: str
    kind: str | None
    latency: str
    checked_at: str | None
    succeeded_at: str | None
    breaker: str
    breaker_is_tripped: bool
    sparkline: Sparkline | None


@dataclass(frozen=True, slots=True)
class Bar:
    """Shares of the whole, from 0 to 100; `mark` as for a state."""

    label: str
    filled: float
    also: float
    mark: str
    words: str


def headline(document: HealthDocument) -> dict[str, str]:
    """The status and why, cut short where a hundred things are wrong at once."""
    findings = document["summary"].split("; ")
    said = "; ".join(findings[:_SHOWN_FINDINGS])
    if len(findings) > _SHOWN_FINDINGS:
        said += f"; and {len(findings) - _SHOWN_FINDINGS} more"
    return {
        "status": document["status"],
        "word": words.status_in_words(document["status"]),
        "mark": mark_name(document["status"]),
        "summary": said,
    }


def rows(document: HealthDocument, recent: Recent, now: float) -> list[Row]:
    """Every dependency, the worst first, then by name."""
    entries = sorted(
        document["dependencies"].items(),
        key=lambda item: (_urgency(item[1]), not item[1]["critical"], item[0]),
    )
    return [_row(name, entry, recent, now) for name, entry in entries]


def tally(document: HealthDocument) -> str:
    """How many are in which state: `4 up, 1 down`."""
    states = [entry["status"] for entry in document["dependencies"].values()]
    counted = ((states.count(state), words.state_in_words(state)) for state in DependencyState)
    return ", ".join(f"{number} {state}" for number, state in counted if number)


def budget_bar(budget: BudgetEntry, usd_per_hour: float | None) -> Bar:
    limit, spent, reserved = budget["limit_usd"], budget["spent_usd"], budget["reserved_usd"]
    said = f"{formats.usd(spent)} of {formats.usd(limit)} spent"
    if reserved:
        said += f", {formats.usd(reserved)} reserved"
    if budget["state"] != BudgetState.SPENT:
        said += _projection(limit - spent - reserved, usd_per_hour)
    elif spent < limit:
        said += "; too little is left for what is asked"
    mark = _BUDGET_MARKS.get(BudgetState(budget["state"]), "unknown")
    filled = _share(spent, limit)
    return Bar("budget", filled, min(_share(reserved, limit), 100 - filled), mark, said)


def rate_limit_bars(document: HealthDocument) -> Iterator[Bar]:
    for entry in document["rate_limits"]:
        used = entry["limit"] - entry["remaining"]
        said = f"{formats.count(entry['remaining'])} of {formats.count(entry['limit'])} left"
        yield Bar(
            f"{entry['dependency']} a {entry['window']}",
            _share(used, entry["limit"]),
            0.0,
            _quota_mark(entry),
            said,
        )


def changes(recent: Recent) -> list[dict[str, Any]]:
    return [
        {
            "at": change.at,
            "dependency": change.dependency,
            "from": words.state_in_words(change.from_state),
            "to": words.state_in_words(change.to_state),
            "mark": mark_name(change.to_state),
            "reason": words.reason_in_words(change.reason),
        }
        for change in recent.changes
    ]


def status_page(reading: Reading, recent: Recent) -> dict[str, Any]:
    """Everything that the status page shows; the partial shows a part of it."""
    document = reading.document
    budget = document["budget"]
    return {
        "now": reading.at,
        "headline": headline(document),
        "checked_at": document["checked_at"],
        "rows": rows(document, recent, reading.at),
        "tally": tally(document),
        "pipeline": document["pipeline"],
        "budget": None if budget is None else budget_bar(budget, recent.spending.usd_per_hour()),
        "rate_limits": list(rate_limit_bars(document)),
        "changes": changes(recent),
    }


def _urgency(entry: DependencyEntry) -> int:
    return _WORST_FIRST.index(entry["status"]) if entry["status"] in _WORST_FIRST else len(_WORST_FIRST)


def _row(name: str, entry: DependencyEntry, recent: Recent, now: float) -> Row:
    breaker = entry["breaker"]
    return Row(
        name=name,
        mark=mark_name(entry["status"]),
        state=words.state_in_words(entry["status"]),
        critical=entry["critical"],
        reason=why(entry),
        kind=entry["kind"],
        latency=formats.seconds(entry["latency_seconds"]),
        checked_at=entry["last_checked_at"],
        succeeded_at=entry["last_success_at"] if entry["status"] != DependencyState.UP else None,
        breaker=_breaker_words(breaker),
        breaker_is_tripped=breaker is not None and breaker["state"] != BreakerState.CLOSED,
        sparkline=sparkline(recent.latencies.minutes(name, now)),
    )


def why(entry: DependencyEntry) -> str:
    """What there is to say of a dependency that is not simply up, in words."""
    if entry["kind"] is None:
        return words.ONLY_CALLED
    if entry["stale"]:
        return words.STALE
    if entry["last_checked_at"] is None:
        return words.NOT_CHECKED
    return words.reason_in_words(entry["reason"])


def _breaker_words(breaker: BreakerEntry | None) -> str:
    if breaker is None:
        return ""
    said = words.breaker_in_words(breaker["state"])
    workers = sum(breaker["workers"].values())
    affected = breaker["workers"].get(breaker["state"], 0)
    if breaker["state"] == BreakerState.CLOSED or workers == 1:
        return said
    return f"{said} in {affected} of {workers}"


def _quota_mark(entry: RateLimitEntry) -> str:
    if entry["remaining"] <= 0:
        return "down"
    return "degraded" if entry["remaining"] < entry["limit"] * _FEW else "up"


def _projection(left_usd: float, usd_per_hour: float | None) -> str:
    if usd_per_hour is None or usd_per_hour <= 0 or left_usd <= 0:
        return ""
    return f"; at the pace of the last hour the rest lasts {formats.span(left_usd / usd_per_hour * 3600)}"


def _share(part: float, whole: float) -> float:
    return round(min(100.0, max(0.0, 100 * part / whole)), 1) if whole > 0 else 100.0
