"""The budget, the rate limits, and what providers allow."""

from __future__ import annotations

from typing import Final

from dashboards.boards import Uid, board, scope_of
from dashboards.colors import BLUE, GREEN, ORANGE, PURPLE, RED, YELLOW
from dashboards.panels import Shown, bar_gauge, graph, query, row, stat
from dashboards.projection import budget_at_period_end, spent_in_period
from dashboards.queries import highest, lowest, total
from dashboards.units import CALLS_PER_SECOND, COUNT, RATIO, SECONDS, USD
from pipeline import metrics

_SCOPE = scope_of("dependency")
_LIMIT = _SCOPE.series(metrics.PIPELINE_BUDGET_LIMIT)
_SPENT = spent_in_period(_SCOPE)
_RESERVED = _SCOPE.series(metrics.PIPELINE_BUDGET_RESERVED)
_PROJECTED = budget_at_period_end(_SCOPE)
_PERMITS = _SCOPE.series(metrics.PIPELINE_RATE_LIMIT_LIMIT)
_PERMITS_LEFT = _SCOPE.series(metrics.PIPELINE_RATE_LIMIT_REMAINING)
_NO_BUDGET: Final = "no budget is set"
_NO_LIMITS: Final = "no rate limit is set"
_WINDOW: Final = "{{dependency}} in a {{window}}"

BUDGET_AND_LIMITS: Final = board(
    Uid.LIMITS,
    "Pipeline: budget and limits",
    "How fast the budget burns, whether it lasts until the period ends, and how much of each quota is left.",
    _SCOPE,
    [
        stat(
            "Limit",
            "US dollars that the period allows.",
            query(highest(_LIMIT), now=True),
            unit=USD,
            steps=((0, BLUE),),
            empty=_NO_BUDGET,
            width=3,
        ),
        stat(
            "Spent",
            "Settled in this period.",
            query(highest(_SPENT), now=True),
            unit=USD,
            steps=((0, BLUE),),
            empty=_NO_BUDGET,
            width=3,
        ),
        stat(
            "Left",
            "Neither spent nor reserved for calls under way.",
            query(f"min({_LIMIT} - {_SPENT} - {_RESERVED})", now=True),
            unit=USD,
            steps=((-1e12, RED), (0.000001, GREEN)),
            empty=_NO_BUDGET,
            width=3,
        ),
        stat(
            "Refuses",
            "Whether what is left is too little for what a live worker asked for last.",
            query(highest(_SCOPE.series(metrics.PIPELINE_BUDGET_REFUSING)), now=True),
            texts={0: Shown("no", GREEN), 1: Shown("yes", RED)},
            empty="no live worker has a budget",
            width=3,
        ),
        stat(
            "Share spent",
            "Of the limit; yellow from the share to warn at by default, red when it is spent.",
            query(highest(f"{_SPENT} / {_LIMIT}"), now=True),
            unit=RATIO,
            steps=((0, GREEN), (0.8, YELLOW), (1, RED)),
            empty=_NO_BUDGET,
        ),
        stat(
            "When the period ends",
            "US dollars that will have been spent by then at this pace, as a share of the limit.",
            query(highest(f"{_PROJECTED} / {_LIMIT}"), now=True),
            unit=RATIO,
            steps=((0, GREEN), (0.8, YELLOW), (1, RED)),
            empty="no budget, or one that never ends",
        ),
        stat(
            "Period ends in",
            "Then nothing is spent any more.",
            query(f"{highest(_SCOPE.series(metrics.PIPELINE_BUDGET_PERIOD_END))} - time()", now=True),
            unit=SECONDS,
            steps=((0, BLUE),),
            empty="no budget, or one that never ends",
        ),
        graph(
            "Budget",
            "Spent, reserved on top of it, where the warning begins, the limit, and the projection.",
            query(highest(_SPENT), "spent"),
            query(highest(f"{_SPENT} + {_RESERVED}"), "spent and reserved"),
            query(highest(f"{_LIMIT} * {_SCOPE.series(metrics.PIPELINE_BUDGET_WARN_RATIO)}"), "warning"),
            query(highest(_LIMIT), "limit"),
            query(highest(_PROJECTED), "at the period's end"),
            unit=USD,
            colors={
                "spent": BLUE,
                "spent and reserved": PURPLE,
                "warning": YELLOW,
                "limit": RED,
                "at the period's end": ORANGE,
            },
            empty=_NO_BUDGET,
        ),
        graph(
            "Burn",
            "US dollars an hour, over the last interval and the last hour.",
            query(f"{total(_SCOPE.rate(metrics.PIPELINE_COST))} * 3600", "now"),
            query(f"{total(_SCOPE.rate(metrics.PIPELINE_COST, '1h'))} * 3600", "last hour"),
            unit=USD,
            empty="nothing was spent",
            width=6,
        ),
        graph(
            "Answers of the budget",
            "To calls that asked for money, a second.",
            query(total(_SCOPE.rate(metrics.PIPELINE_BUDGET_DECISIONS), "decision"), "{{decision}}"),
            unit=CALLS_PER_SECOND,
            stacked=True,
            empty=_NO_BUDGET,
            width=6,
        ),
        row("Rate limits"),
        bar_gauge(
            "Permits left",
            "Share of each window's permits.",
            query(lowest(f"{_PERMITS_LEFT} / {_PERMITS}", "dependency", "window"), _WINDOW, now=True),
            unit=RATIO,
            steps=((0, RED), (0.1, YELLOW), (0.25, GREEN)),
            highest=1,
            empty=_NO_LIMITS,
            width=8,
        ),
        graph(
            "Permits left, through time",
            "Calls that may still be made in the window.",
            query(lowest(_PERMITS_LEFT, "dependency", "window"), _WINDOW),
            unit=COUNT,
            empty=_NO_LIMITS,
            width=8,
        ),
        graph(
            "Answers of the rate limits",
            "To calls, a second.",
            query(
                total(_SCOPE.rate(metrics.PIPELINE_RATE_LIMIT_DECISIONS), "dependency", "decision"),
                "{{dependency}} {{decision}}",
            ),
            unit=CALLS_PER_SECOND,
            stacked=True,
            empty=_NO_LIMITS,
            width=8,
        ),
        graph(
            "Waiting for a permit",
            "What half and 95 % of the calls that waited were below.",
            query(
                _SCOPE.quantile(0.5, metrics.PIPELINE_RATE_LIMIT_WAIT, "dependency"), "{{dependency}} 50 %"
            ),
            query(
                _SCOPE.quantile(0.95, metrics.PIPELINE_RATE_LIMIT_WAIT, "dependency"), "{{dependency}} 95 %"
            ),
            unit=SECONDS,
            empty="no call waited",
            width=24,
        ),
    ],
    guarded=True,
    shown="now-6h",
)
