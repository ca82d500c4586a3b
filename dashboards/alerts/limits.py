"""The budget and the rate limits."""

from __future__ import annotations

from typing import Final

from dashboards.projection import budget_at_period_end, spent_in_period
from dashboards.queries import EVERYWHERE, highest, lowest
from dashboards.rules import Alert, Group, Severity
from pipeline import metrics

_LIMIT = EVERYWHERE.series(metrics.PIPELINE_BUDGET_LIMIT)
_SPENT = spent_in_period(EVERYWHERE)
_WARN_RATIO = EVERYWHERE.series(metrics.PIPELINE_BUDGET_WARN_RATIO)
_PERIOD_END = EVERYWHERE.series(metrics.PIPELINE_BUDGET_PERIOD_END)
_REFUSING = f"({EVERYWHERE.series(metrics.PIPELINE_BUDGET_REFUSING)} == 1 unless {_PERIOD_END} < time())"
# Of an enforced budget a rest remains that is too little for what is asked: it is never all spent.
_ALL_SPENT = highest(f"{_SPENT} >= {_LIMIT} or {_SPENT} and {_REFUSING}")
_PERMITS = EVERYWHERE.series(metrics.PIPELINE_RATE_LIMIT_LIMIT)
_PERMITS_LEFT = EVERYWHERE.series(metrics.PIPELINE_RATE_LIMIT_REMAINING)
# A worker that was killed says for ever what was left then; that nobody asks tells it from one that lives.
_ASKED_FOR = (
    f"sum without (decision) ({EVERYWHERE.increase(metrics.PIPELINE_RATE_LIMIT_DECISIONS, '1h')}) > 0"
)
_SHARE_LEFT = f"{_PERMITS_LEFT} / {_PERMITS} and ignoring (window) {_ASKED_FOR}"

# Machines that share a budget all tell of it: `max` makes one alert of them.
LIMITS: Final = Group(
    "pipeline-limits",
    alerts=(
        Alert(
            name="BudgetWarning",
            expression=f"{highest(f'{_SPENT} >= {_LIMIT} * {_WARN_RATIO}')} unless {_ALL_SPENT}",
            severity=Severity.WARNING,
            summary="The budget is nearly spent",
            description='{{ $value | printf "%.2f" }} USD are spent, more than the share to warn at.',
        ),
        Alert(
            name="BudgetSpent",
            expression=_ALL_SPENT,
            severity=Severity.CRITICAL,
            summary="The budget is spent",
            description=(
                '{{ $value | printf "%.2f" }} USD are spent: all that the period allows, or so much that '
                "what is left does not cover what is asked. Where the budget is enforced, calls are refused."
            ),
        ),
        Alert(
            name="BudgetRunsOut",
            expression=f"{highest(f'{budget_at_period_end(EVERYWHERE)} >= {_LIMIT}')} unless {_ALL_SPENT}",
            hold_seconds=1800,
            severity=Severity.WARNING,
            summary="The budget will not last until the period ends",
            description='At this pace {{ $value | printf "%.2f" }} USD will be spent when the period ends.',
        ),
        Alert(
            name="RateLimitNearEnd",
            expression=f"{lowest(_SHARE_LEFT, 'dependency', 'window')} <= 0.1",
            hold_seconds=300,
            severity=Severity.WARNING,
            summary="Nearly no calls to {{ $labels.dependency }} are left in this {{ $labels.window }}",
            description="{{ $value | humanizePercentage }} of the permits of the window are left.",
        ),
    ),
)
