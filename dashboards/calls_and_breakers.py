"""Guarded calls, and the breakers round them."""

from __future__ import annotations

from typing import Final

from dashboards.boards import Uid, board, link_to, scope_of
from dashboards.colors import GREEN, RED, YELLOW
from dashboards.outcome_colors import BREAKER, CALLS
from dashboards.panels import Shown, graph, query, row, timeline
from dashboards.queries import Match, highest, numbered, one_of, share, total
from dashboards.units import CALLS_PER_SECOND, COUNT, RATIO, SECONDS
from pipeline import metrics
from pipeline.metrics import BreakerState, CallOutcome
from sidecar.metrics import PROBE_SUCCESS

_SCOPE = scope_of("dependency", "layer")
_LEGEND: Final = "{{dependency}}"
_REJECTED: Final = one_of(
    CallOutcome.REJECTED_BREAKER, CallOutcome.REJECTED_BUDGET, CallOutcome.REJECTED_RATE_LIMIT
)
_SENT: Final = Match("!~", _REJECTED.value)
_FAILED: Final = one_of(CallOutcome.ERROR, CallOutcome.TIMEOUT)
_BREAKER_STATES: Final = {
    1: Shown(BreakerState.CLOSED.value, GREEN),
    2: Shown(BreakerState.HALF_OPEN.value, YELLOW),
    3: Shown(BreakerState.OPEN.value, RED),
}
_WORST_STATE = numbered(
    {
        number: _SCOPE.series(metrics.CIRCUIT_BREAKER_STATE, state=shown.text)
        for number, shown in _BREAKER_STATES.items()
    },
    "dependency",
)
_NOT_CLOSED = total(
    _SCOPE.series(metrics.CIRCUIT_BREAKER_STATE, state=one_of(BreakerState.OPEN, BreakerState.HALF_OPEN)),
    "dependency",
)
_AGREEMENT: Final = {
    0: Shown("probe down, breaker closed", YELLOW),
    1: Shown("both up", GREEN),
    2: Shown("both down", RED),
    3: Shown("probe up, breaker not closed", YELLOW),
}

CALLS_AND_BREAKERS: Final = board(
    Uid.CALLS,
    "Pipeline: calls and breakers",
    "How the workers' calls end, how long they take, and what the breakers hold back.",
    _SCOPE,
    [
        timeline(
            "Breakers",
            "The worst state of a dependency's breaker in any worker.",
            query(_WORST_STATE, _LEGEND),
            texts=_BREAKER_STATES,
            empty="no worker lives",
            link=link_to(Uid.DEPENDENCIES, "dependency"),
            width=12,
        ),
        timeline(
            "Do probe and breaker agree?",
            "A probe that is up beside a breaker that is not closed sees less than the calls do.",
            query(
                f"{highest(_SCOPE.series(PROBE_SUCCESS), 'dependency')} "
                f"+ on (dependency) 2 * ({_NOT_CLOSED} > bool 0)",
                _LEGEND,
            ),
            texts=_AGREEMENT,
            empty="nothing is both probed and called",
            link=link_to(Uid.DEPENDENCIES, "dependency"),
            width=12,
        ),
        graph(
            "Workers by state of their breaker",
            "Live workers whose breaker for the dependency is in the state.",
            query(
                total(_SCOPE.series(metrics.CIRCUIT_BREAKER_STATE), "dependency", "state") + " > 0",
                f"{_LEGEND} {{{{state}}}}",
            ),
            unit=COUNT,
            stacked=True,
            empty="no worker lives",
            width=8,
        ),
        graph(
            "Transitions",
            "Changes of state in each interval.",
            query(
                _SCOPE.in_bar(metrics.CIRCUIT_BREAKER_TRANSITIONS, "dependency", "from_state", "to_state")
                + " > 0",
                f"{_LEGEND} {{{{from_state}}}} → {{{{to_state}}}}",
            ),
            unit=COUNT,
            bars=True,
            stacked=True,
            empty="no breaker changed its state",
            width=8,
        ),
        graph(
            "What the breakers were told",
            "Calls as the breakers judged them; stale answers and ignored ones change nothing.",
            query(total(_SCOPE.rate(metrics.CIRCUIT_BREAKER_CALLS), "outcome"), "{{outcome}}"),
            unit=CALLS_PER_SECOND,
            stacked=True,
            colors=BREAKER,
            empty="no worker has written to the spool",
            width=8,
        ),
        row("Calls"),
        graph(
            "Calls by outcome",
            "Guarded calls a second.",
            query(total(_SCOPE.rate(metrics.PIPELINE_CALLS), "outcome"), "{{outcome}}"),
            unit=CALLS_PER_SECOND,
            stacked=True,
            colors=CALLS,
            empty="no worker has written to the spool",
            width=8,
        ),
        graph(
            "Share of calls that failed",
            "Errors and timeouts among the calls that were sent, by dependency.",
            query(
                share(
                    total(_SCOPE.rate(metrics.PIPELINE_CALLS, outcome=_FAILED), "dependency"),
                    total(_SCOPE.rate(metrics.PIPELINE_CALLS, outcome=_SENT), "dependency"),
                ),
                _LEGEND,
            ),
            unit=RATIO,
            steps=((0, GREEN), (0.1, RED)),
            highest=1,
            empty="no calls",
            width=8,
        ),
        graph(
            "Rejected before they were sent",
            "By the breaker, the budget or the rate limit.",
            query(
                total(_SCOPE.rate(metrics.PIPELINE_CALLS, outcome=_REJECTED), "dependency", "outcome")
                + " > 0",
                f"{_LEGEND} {{{{outcome}}}}",
            ),
            unit=CALLS_PER_SECOND,
            stacked=True,
            empty="nothing is rejected",
            width=8,
        ),
        graph(
            "Latency of calls",
            "Half, 95 % and 99 % of the calls that were sent were faster.",
            *(
                query(
                    _SCOPE.quantile(quantile, metrics.PIPELINE_CALL_DURATION, "dependency"),
                    f"{_LEGEND} {quantile * 100:g} %",
                )
                for quantile in (0.5, 0.95, 0.99)
            ),
            unit=SECONDS,
            empty="no calls",
            width=8,
        ),
        graph(
            "Calls by layer",
            "Guarded calls a second, by the layer that made them.",
            query(
                total(_SCOPE.rate(metrics.PIPELINE_CALLS), "layer", "dependency"),
                "{{layer}} → {{dependency}}",
            ),
            unit=CALLS_PER_SECOND,
            stacked=True,
            empty="no worker has written to the spool",
            width=8,
        ),
        graph(
            "Fallbacks",
            "Answers that did not come from the dependency, by what was given instead.",
            query(
                _SCOPE.in_bar(metrics.PIPELINE_FALLBACKS, "dependency", "kind") + " > 0",
                f"{_LEGEND} {{{{kind}}}}",
            ),
            unit=COUNT,
            bars=True,
            stacked=True,
            empty="no fallback was needed",
            width=8,
        ),
    ],
    guarded=True,
)
