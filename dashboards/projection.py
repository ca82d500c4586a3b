"""How spending stands in its period, and where it and quota will be if things go on as they do now."""

from __future__ import annotations

from typing import Final

from dashboards.queries import Scope, highest
from pipeline.metrics import PIPELINE_BUDGET_PERIOD_END, PIPELINE_BUDGET_SPENT
from sidecar.metrics import DEPENDENCY_QUOTA_REMAINING

_HOUR_SECONDS: Final = 3_600
_DAY_SECONDS: Final = 86_400


def spent_in_period(scope: Scope) -> str:
    """US dollars; 0 once the period is over that the last worker spoke of."""
    spent = scope.series(PIPELINE_BUDGET_SPENT)
    return f"({spent} unless {scope.series(PIPELINE_BUDGET_PERIOD_END)} < time() or {spent} * 0)"


def budget_at_period_end(scope: Scope) -> str:
    """US dollars that will have been spent when the period ends; no result without a period, or after it.

    With more than a day to go the pace of the last day counts, since a nightly batch is no trend; with
    less, that of the last hour.
    """
    left_seconds = f"scalar({highest(scope.series(PIPELINE_BUDGET_PERIOD_END))} - time())"
    by_day = (
        f"{_at_pace_of(scope, '1d', _DAY_SECONDS, left_seconds)} "
        f"and on () vector({left_seconds}) > {_DAY_SECONDS}"
    )
    by_hour = (
        f"{_at_pace_of(scope, '1h', _HOUR_SECONDS, left_seconds)} "
        f"and on () 0 < vector({left_seconds}) <= {_DAY_SECONDS}"
    )
    return f"({by_day} or {by_hour})"


def _at_pace_of(scope: Scope, window: str, window_seconds: int, left_seconds: str) -> str:
    """What was spent since the least in the window is spread over all of it.

    Once the period turns, the least is that of the new one; who has not worked since has spent nothing more.
    A line fitted to the window would fall at that turn, and rise too steeply through a first batch.
    """
    spent = scope.series(PIPELINE_BUDGET_SPENT)
    grown = f"({spent} - min_over_time({spent}[{window}]))"
    return f"{spent_in_period(scope)} + {grown} / {window_seconds} * {left_seconds}"


def quota_in_a_day(scope: Scope) -> str:
    """What will be left of each quota after one more day at the pace of the last six hours."""
    return f"predict_linear({scope.series(DEPENDENCY_QUOTA_REMAINING)}[6h], {_DAY_SECONDS})"
