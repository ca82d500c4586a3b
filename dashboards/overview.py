"""Everything at a glance: what is wrong now, and what it costs."""

from __future__ import annotations

from typing import Final

from dashboards.boards import Uid, board, firing_alerts, link_to, scope_of
from dashboards.colors import BLUE, GREEN, RED, YELLOW
from dashboards.dependency_states import STATES, count_down, count_up, worst_state
from dashboards.outcome_colors import RUNS
from dashboards.panels import Column, graph, query, row, stat, table, timeline
from dashboards.projection import spent_in_period
from dashboards.queries import ScrapeSeries, highest, or_zero, total
from dashboards.units import COUNT, RATIO, USD
from pipeline import metrics as worker
from pipeline.metrics import BreakerState

_SCOPE = scope_of()
_BAD: Final = ((0, GREEN), (1, RED))


_BUDGET_RATIO = highest(f"{spent_in_period(_SCOPE)} / {_SCOPE.series(worker.PIPELINE_BUDGET_LIMIT)}")

OVERVIEW: Final = board(
    Uid.OVERVIEW,
    "Pipeline: overview",
    "Is everything the pipeline depends on up, what runs, what does it cost, and what is wrong now.",
    _SCOPE,
    [
        stat(
            "Sidecars",
            "Sidecars that Prometheus could scrape.",
            query(total(_SCOPE.scrape(ScrapeSeries.UP)), now=True),
            steps=((0, RED), (1, GREEN)),
            empty="no sidecar",
            link=link_to(Uid.SIDECAR),
        ),
        stat(
            "Dependencies up",
            "Up or degraded for some sidecar, down for none, after debouncing.",
            query(count_up(_SCOPE), now=True),
            steps=((0, GREEN),),
            link=link_to(Uid.DEPENDENCIES),
        ),
        stat(
            "Dependencies down",
            "Down for any sidecar, after debouncing.",
            query(count_down(_SCOPE), now=True),
            steps=_BAD,
            link=link_to(Uid.DEPENDENCIES),
        ),
        stat(
            "Breakers not closed",
            "Breakers in workers that are open or half-open.",
            query(
                or_zero(
                    total(_SCOPE.series(worker.CIRCUIT_BREAKER_STATE, state=BreakerState.OPEN))
                    + " + "
                    + total(_SCOPE.series(worker.CIRCUIT_BREAKER_STATE, state=BreakerState.HALF_OPEN))
                ),
                now=True,
            ),
            steps=_BAD,
            link=link_to(Uid.CALLS),
        ),
        stat(
            "Jobs in progress",
            "Jobs that live workers are running.",
            query(or_zero(total(_SCOPE.series(worker.PIPELINE_JOBS_IN_PROGRESS))), now=True),
            steps=((0, BLUE),),
            link=link_to(Uid.PIPELINE),
        ),
        stat(
            "Cost today",
            "US dollars spent on calls since midnight.",
            query(or_zero(total(_SCOPE.increase(worker.PIPELINE_COST))), now=True),
            unit=USD,
            steps=((0, BLUE),),
            since="now/d",
            link=link_to(Uid.PIPELINE),
        ),
        table(
            "What is wrong now",
            "The alerts that fire. Needs the rules of this repository in Prometheus.",
            {
                "severity": "Severity",
                "alertname": "Alert",
                "dependency": "Dependency",
                "layer": "Layer",
                "instance": "Sidecar",
            },
            Column(
                "Firing",
                f"sum by (severity, alertname, dependency, layer, instance) ({firing_alerts()})",
            ),
            empty="nothing fires",
            width=12,
        ),
        stat(
            "Status of every dependency",
            "State after debouncing; click for the details.",
            query(worst_state(_SCOPE), "{{dependency}}", now=True),
            texts=STATES,
            by_name=True,
            background=True,
            empty="no dependency is watched",
            link=link_to(Uid.DEPENDENCIES, "dependency"),
            width=12,
            height=8,
        ),
        timeline(
            "Dependencies",
            "State after debouncing, through time.",
            query(worst_state(_SCOPE), "{{dependency}}"),
            texts=STATES,
            empty="no dependency is watched",
            link=link_to(Uid.DEPENDENCIES, "dependency"),
        ),
        row("Work and money"),
        graph(
            "Jobs that ended",
            "Jobs in each interval, by how they ended.",
            query(_SCOPE.in_bar(worker.PIPELINE_JOBS, "outcome"), "{{outcome}}"),
            unit=COUNT,
            bars=True,
            stacked=True,
            colors=RUNS,
            empty="no worker has written to the spool",
            width=8,
        ),
        graph(
            "Cost by dependency",
            "US dollars an hour, by who is paid.",
            query(f"{total(_SCOPE.rate(worker.PIPELINE_COST), 'dependency')} * 3600", "{{dependency}}"),
            unit=USD,
            stacked=True,
            empty="nothing was spent",
            width=8,
        ),
        stat(
            "Budget spent",
            "Share of the period's budget that is spent.",
            query(_BUDGET_RATIO, now=True),
            unit=RATIO,
            steps=((0, GREEN), (0.8, YELLOW), (1, RED)),
            empty="no budget is set",
            link=link_to(Uid.LIMITS),
            height=8,
        ),
        stat(
            "Budget left",
            "Neither spent nor reserved, in US dollars.",
            query(
                f"min({_SCOPE.series(worker.PIPELINE_BUDGET_LIMIT)} "
                f"- {spent_in_period(_SCOPE)} "
                f"- {_SCOPE.series(worker.PIPELINE_BUDGET_RESERVED)})",
                now=True,
            ),
            unit=USD,
            steps=((0, BLUE),),
            empty="no budget is set",
            link=link_to(Uid.LIMITS),
            height=8,
        ),
    ],
)
