"""Jobs, layers, tokens and money."""

from __future__ import annotations

from functools import partial
from typing import Final

from dashboards.boards import Uid, board, link_to, scope_of
from dashboards.colors import BLUE, GREEN, RED, YELLOW
from dashboards.outcome_colors import RUNS
from dashboards.panels import graph, query, row, stat
from dashboards.queries import Match, Suffix, highest, one_of, or_zero, share, total
from dashboards.units import COUNT, PER_SECOND, RATIO, SECONDS, USD
from pipeline import metrics
from pipeline.metrics import RunOutcome, TokenType

_SCOPE = scope_of("layer", "model")
_NO_WORKER: Final = "no worker has written to the spool"
_ENDED = total(_SCOPE.increase(metrics.PIPELINE_JOBS))
_PROMPT_TOKENS: Final = one_of(TokenType.INPUT, TokenType.CACHE_READ, TokenType.CACHE_WRITE)


def _tokens(kind: TokenType | Match) -> str:
    return total(_SCOPE.rate(metrics.PIPELINE_TOKENS, type=kind), "model")


def _ended_as(outcome: RunOutcome) -> str:
    return total(_SCOPE.increase(metrics.PIPELINE_JOBS, outcome=outcome))


_stat = partial(stat, width=3)

PIPELINE: Final = board(
    Uid.PIPELINE,
    "Pipeline: jobs and cost",
    "Jobs and their layers: how many, how long, how often they fail, what they cost and what was wasted.",
    _SCOPE,
    [
        _stat(
            "Jobs in progress",
            "Jobs that live workers are running.",
            query(or_zero(total(_SCOPE.series(metrics.PIPELINE_JOBS_IN_PROGRESS))), now=True),
            steps=((0, BLUE),),
        ),
        _stat(
            "Succeeded",
            "Jobs that succeeded in the time shown.",
            query(f"round({_ended_as(RunOutcome.SUCCEEDED)})", now=True),
            unit=COUNT,
            steps=((0, GREEN),),
        ),
        _stat(
            "Degraded",
            "Jobs that were done with less than they should be, in the time shown.",
            query(f"round({_ended_as(RunOutcome.DEGRADED)})", now=True),
            unit=COUNT,
            steps=((0, GREEN), (1, YELLOW)),
        ),
        _stat(
            "Failed",
            "Jobs that failed in the time shown.",
            query(f"round({_ended_as(RunOutcome.FAILED)})", now=True),
            unit=COUNT,
            steps=((0, GREEN), (1, RED)),
        ),
        _stat(
            "Cost",
            "US dollars spent on calls in the time shown.",
            query(total(_SCOPE.increase(metrics.PIPELINE_COST)), now=True),
            unit=USD,
            steps=((0, BLUE),),
        ),
        _stat(
            "Cost of a job",
            "US dollars: the mean over the jobs that ended in the time shown.",
            query(
                share(total(_SCOPE.increase(metrics.PIPELINE_JOB_COST, suffix=Suffix.SUM)), _ENDED),
                now=True,
            ),
            unit=USD,
            steps=((0, BLUE),),
            empty="no job ended",
            link=link_to(Uid.LIMITS),
        ),
        _stat(
            "Wasted",
            "US dollars spent, in the time shown, on jobs that then failed.",
            query(total(_SCOPE.increase(metrics.PIPELINE_WASTED_COST)), now=True),
            unit=USD,
            steps=((0, GREEN), (0.01, YELLOW)),
        ),
        _stat(
            "Last progress",
            "Time since any worker last finished a layer.",
            query(f"time() - ({highest(_SCOPE.series(metrics.PIPELINE_LAST_PROGRESS))} > 0)", now=True),
            unit=SECONDS,
            steps=((0, GREEN), (300, YELLOW), (1800, RED)),
            empty="no layer ended",
        ),
        row("Jobs"),
        graph(
            "Jobs that ended",
            "In each interval, by how they ended.",
            query(_SCOPE.in_bar(metrics.PIPELINE_JOBS, "outcome"), "{{outcome}}"),
            unit=COUNT,
            bars=True,
            stacked=True,
            colors=RUNS,
            empty=_NO_WORKER,
            width=8,
        ),
        graph(
            "Time of a job",
            "Mean, and what half and 95 % of the jobs were below.",
            query(_SCOPE.mean(metrics.PIPELINE_JOB_DURATION), "mean"),
            query(_SCOPE.quantile(0.5, metrics.PIPELINE_JOB_DURATION), "50 %"),
            query(_SCOPE.quantile(0.95, metrics.PIPELINE_JOB_DURATION), "95 %"),
            unit=SECONDS,
            empty="no job ended",
            width=8,
        ),
        graph(
            "Cost of a job",
            "US dollars: mean, and what half and 95 % of the jobs were below.",
            query(_SCOPE.mean(metrics.PIPELINE_JOB_COST), "mean"),
            query(_SCOPE.quantile(0.5, metrics.PIPELINE_JOB_COST), "50 %"),
            query(_SCOPE.quantile(0.95, metrics.PIPELINE_JOB_COST), "95 %"),
            unit=USD,
            empty="no job ended",
            width=8,
        ),
        row("Layers"),
        graph(
            "Time of a layer",
            "What 95 % of its runs were below.",
            query(_SCOPE.quantile(0.95, metrics.PIPELINE_LAYER_DURATION, "layer"), "{{layer}}"),
            unit=SECONDS,
            empty="no layer ended",
            width=8,
        ),
        graph(
            "Mean time of a layer, stacked",
            "Where the time of a job goes.",
            query(_SCOPE.mean(metrics.PIPELINE_LAYER_DURATION, "layer"), "{{layer}}"),
            unit=SECONDS,
            stacked=True,
            empty="no layer ended",
            width=8,
        ),
        graph(
            "Runs of layers that failed",
            "Share of the runs, by layer.",
            query(
                share(
                    total(_SCOPE.rate(metrics.PIPELINE_LAYER_RUNS, outcome=RunOutcome.FAILED), "layer"),
                    total(_SCOPE.rate(metrics.PIPELINE_LAYER_RUNS), "layer"),
                ),
                "{{layer}}",
            ),
            unit=RATIO,
            steps=((0, GREEN), (0.1, RED)),
            highest=1,
            empty="no layer ended",
            width=8,
        ),
        graph(
            "Runs of layers",
            "Runs that ended in each interval, by how.",
            query(
                _SCOPE.in_bar(metrics.PIPELINE_LAYER_RUNS, "layer", "outcome") + " > 0",
                "{{layer}} {{outcome}}",
            ),
            unit=COUNT,
            bars=True,
            stacked=True,
            empty="no layer ended",
            width=12,
        ),
        graph(
            "Jobs in each layer",
            "Jobs that are in the layer now.",
            query(total(_SCOPE.series(metrics.PIPELINE_LAYER_JOBS_IN_PROGRESS), "layer"), "{{layer}}"),
            unit=COUNT,
            stacked=True,
            empty="no worker lives",
            width=12,
        ),
        row("Money and tokens"),
        graph(
            "Cost by layer",
            "US dollars an hour.",
            query(f"{total(_SCOPE.rate(metrics.PIPELINE_COST), 'layer')} * 3600", "{{layer}}"),
            unit=USD,
            stacked=True,
            empty="nothing was spent",
            width=8,
        ),
        graph(
            "Cost by model",
            "US dollars an hour.",
            query(f"{total(_SCOPE.rate(metrics.PIPELINE_COST), 'model')} * 3600", "{{model}}"),
            unit=USD,
            stacked=True,
            empty="nothing was spent",
            width=8,
        ),
        graph(
            "Wasted by layer",
            "US dollars an hour, spent by the layer on jobs that then failed.",
            query(f"{total(_SCOPE.rate(metrics.PIPELINE_WASTED_COST), 'layer')} * 3600", "{{layer}}"),
            unit=USD,
            stacked=True,
            empty="nothing was wasted",
            width=8,
        ),
        graph(
            "Tokens by type",
            "Tokens a second; the types are disjoint.",
            query(total(_SCOPE.rate(metrics.PIPELINE_TOKENS), "type"), "{{type}}"),
            unit=PER_SECOND,
            stacked=True,
            empty="no tokens",
            width=8,
        ),
        graph(
            "Prompt tokens that came from the provider's cache",
            "Share by model; cached tokens cost a fraction.",
            query(
                share(
                    _tokens(TokenType.CACHE_READ),
                    _tokens(_PROMPT_TOKENS),
                ),
                "{{model}}",
            ),
            unit=RATIO,
            highest=1,
            empty="no tokens",
            width=8,
        ),
        graph(
            "Where prices come from",
            "Paid calls a second: reported by the provider, your override, the table, or a ceiling.",
            query(total(_SCOPE.rate(metrics.PIPELINE_PRICED_CALLS), "source"), "{{source}}"),
            unit=PER_SECOND,
            stacked=True,
            empty="no paid calls",
            width=8,
        ),
        graph(
            "Reported cost against the price table",
            "For calls that both know; far from 100 %, one of them is wrong.",
            query(
                share(
                    total(_SCOPE.rate(metrics.PIPELINE_COMPARED_REPORTED), "dependency"),
                    total(_SCOPE.rate(metrics.PIPELINE_COMPARED_TABLE), "dependency"),
                ),
                "{{dependency}}",
            ),
            unit=RATIO,
            steps=((0, RED), (0.9, GREEN), (1.1, RED)),
            empty="no provider reports what a call cost",
            width=24,
            height=6,
        ),
    ],
    shown="now-3h",
)
