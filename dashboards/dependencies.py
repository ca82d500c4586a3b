"""Dependencies as the probes see them."""

from __future__ import annotations

from typing import Final

from dashboards.boards import Uid, board, link_to, scope_of
from dashboards.colors import GREEN, RED, YELLOW
from dashboards.dependency_states import STATES, worst_state
from dashboards.panels import Column, bar_gauge, graph, query, row, table, timeline
from dashboards.projection import quota_in_a_day
from dashboards.queries import highest, lowest, total
from dashboards.units import COUNT, NO_UNIT, RATIO, SECONDS
from sidecar import metrics

_SCOPE = scope_of("dependency")
_DAY_SECONDS: Final = 86_400
_LEGEND: Final = "{{dependency}}"

DEPENDENCIES: Final = board(
    Uid.DEPENDENCIES,
    "Pipeline: dependencies",
    "Every service the pipeline relies on, as the sidecar's probes see it.",
    _SCOPE,
    [
        timeline(
            "State",
            "State after debouncing: a blip is no outage.",
            query(worst_state(_SCOPE), _LEGEND),
            texts=STATES,
            empty="no dependency is watched",
            link=link_to(Uid.CALLS, "dependency"),
        ),
        bar_gauge(
            "Share of probes that succeeded",
            "In the time shown.",
            query(
                f"avg by (dependency) (avg_over_time({_SCOPE.series(metrics.PROBE_SUCCESS)}[$__range]))",
                _LEGEND,
                now=True,
            ),
            unit=RATIO,
            steps=((0, RED), (0.99, YELLOW), (0.999, GREEN)),
            highest=1,
            width=8,
        ),
        table(
            "Why it fails now",
            "The reason for which the last run of a probe failed.",
            {"dependency": "Dependency", "reason": "Reason"},
            Column(
                "Sidecars",
                f"{total(_SCOPE.series(metrics.PROBE_FAILURE_REASON), 'dependency', 'reason')} > 0",
            ),
            empty="nothing fails",
            width=8,
        ),
        graph(
            "Failures by reason",
            "Failed runs in each interval.",
            query(
                _SCOPE.in_bar(metrics.PROBE_FAILURES, "dependency", "reason") + " > 0",
                "{{dependency}} {{reason}}",
            ),
            unit=COUNT,
            bars=True,
            stacked=True,
            empty="no failures",
            width=8,
        ),
        row("Latency"),
        graph(
            "Last run",
            "Time that the last run of each probe took.",
            query(highest(_SCOPE.series(metrics.PROBE_DURATION), "dependency"), _LEGEND),
            unit=SECONDS,
            width=8,
        ),
        graph(
            "Quantiles of all runs",
            "Half and 95 % of the runs were faster.",
            query(_SCOPE.quantile(0.5, metrics.PROBE_RUN_DURATION, "dependency"), f"{_LEGEND} 50 %"),
            query(_SCOPE.quantile(0.95, metrics.PROBE_RUN_DURATION, "dependency"), f"{_LEGEND} 95 %"),
            unit=SECONDS,
            width=8,
        ),
        graph(
            "Phases of HTTP",
            "Where the time of the last runs went: the mean over the chosen dependencies. Choose one.",
            query(f"avg by (phase) ({_SCOPE.series(metrics.PROBE_HTTP_DURATION)})", "{{phase}}"),
            unit=SECONDS,
            stacked=True,
            empty="no probe speaks HTTP",
            width=8,
        ),
        row("What the services say"),
        table(
            "Last answers",
            "Status code, and age of what is known against the interval of the probe.",
            {"dependency": "Dependency"},
            Column(
                "Status code",
                highest(_SCOPE.series(metrics.PROBE_HTTP_STATUS_CODE), "dependency"),
                steps=((0, RED), (200, GREEN), (400, RED)),
            ),
            Column(
                "Age", f"time() - {highest(_SCOPE.series(metrics.PROBE_LAST_RUN), 'dependency')}", SECONDS
            ),
            Column("Interval", highest(_SCOPE.series(metrics.PROBE_INTERVAL), "dependency"), SECONDS),
            Column("Deadline", highest(_SCOPE.series(metrics.PROBE_TIMEOUT), "dependency"), SECONDS),
            Column("Runs", f"round({total(_SCOPE.increase(metrics.PROBE_RUNS), 'dependency')})", NO_UNIT),
            Column(
                "Missed",
                f"round({total(_SCOPE.increase(metrics.PROBE_MISSED_RUNS), 'dependency')})",
                steps=((0, GREEN), (1, YELLOW)),
            ),
            width=12,
        ),
        bar_gauge(
            "Certificates expire in",
            "Time until the first certificate of the chain expires.",
            query(
                f"{lowest(_SCOPE.series(metrics.PROBE_SSL_EARLIEST_CERT_EXPIRY), 'dependency')} - time()",
                _LEGEND,
                now=True,
            ),
            unit=SECONDS,
            steps=((0, RED), (3 * _DAY_SECONDS, YELLOW), (20 * _DAY_SECONDS, GREEN)),
            highest=90 * _DAY_SECONDS,
            empty="no probe speaks TLS",
            width=12,
        ),
        graph(
            "Quota left",
            "What the provider says is left: credits or US dollars.",
            query(
                lowest(_SCOPE.series(metrics.DEPENDENCY_QUOTA_REMAINING), "dependency", "unit"),
                "{{dependency}} {{unit}}",
            ),
            unit=COUNT,
            empty="no provider tells of a quota",
        ),
        table(
            "Quota tomorrow",
            "What will be left in a day at the pace of the last six hours; below 0 it ends before.",
            {"dependency": "Dependency", "unit": "Unit"},
            Column(
                "Left in a day",
                lowest(quota_in_a_day(_SCOPE), "dependency", "unit"),
                COUNT,
                ((-1e12, RED), (0, GREEN)),
            ),
            empty="no provider tells of a quota",
        ),
    ],
)
