"""The sidecar itself: how punctual it is, what a scrape costs, and what is in its spool."""

from __future__ import annotations

from typing import Final

from dashboards.boards import Uid, board, scope_of
from dashboards.colors import GREEN, RED, YELLOW
from dashboards.panels import Column, Shown, graph, query, row, stat, table, timeline
from dashboards.queries import ScrapeSeries, highest, total
from dashboards.units import BYTES, COUNT, SECONDS
from sidecar import metrics

_SCOPE = scope_of()
_LEGEND: Final = "{{instance}}"
_UP: Final = {0: Shown("down", RED), 1: Shown("up", GREEN)}
_ACCEPTED: Final = {0: Shown("refused", RED), 1: Shown("in force", GREEN)}
_NO_SPOOL: Final = "no spool is configured"

_VERSION = highest(_SCOPE.series(metrics.SIDECAR_BUILD_INFO), "instance", "version")


def _with_version(expression: str) -> str:
    """So that a line of the table has the same labels in every column."""
    return f"{highest(expression, 'instance')} * on (instance) group_left (version) {_VERSION}"


SIDECAR: Final = board(
    Uid.SIDECAR,
    "Pipeline: sidecar",
    "Who watches must be watched: whether the sidecar is punctual, what a scrape of it costs, its spool.",
    _SCOPE,
    [
        timeline(
            "Scrapes",
            "Whether Prometheus could scrape the sidecar.",
            query(_SCOPE.scrape(ScrapeSeries.UP), _LEGEND),
            texts=_UP,
            empty="Prometheus knows of no sidecar",
            width=12,
            height=6,
        ),
        table(
            "Versions and configuration",
            "What runs, and whether the configuration that was read last is in force.",
            {"instance": "Sidecar", "version": "Version"},
            Column("Running", _VERSION),
            Column(
                "Configuration",
                _with_version(_SCOPE.series(metrics.SIDECAR_CONFIG_LAST_RELOAD_SUCCESSFUL)),
                texts=_ACCEPTED,
            ),
            Column(
                "Age of the configuration",
                _with_version(
                    f"(time() - {_SCOPE.series(metrics.SIDECAR_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP)})"
                ),
                SECONDS,
            ),
            width=12,
            height=6,
        ),
        row("Is it punctual?"),
        graph(
            "Lag of the event loop",
            "How much later than asked for it wakes up: half and 99 % of the times.",
            query(_SCOPE.quantile(0.5, metrics.SIDECAR_EVENT_LOOP_LAG, "instance"), f"{_LEGEND} 50 %"),
            query(_SCOPE.quantile(0.99, metrics.SIDECAR_EVENT_LOOP_LAG, "instance"), f"{_LEGEND} 99 %"),
            unit=SECONDS,
            steps=((0, GREEN), (0.1, YELLOW)),
        ),
        graph(
            "Delay of probes",
            "From when a probe was due to when it began: half and 99 % of the runs.",
            query(_SCOPE.quantile(0.5, metrics.SIDECAR_PROBE_START_DELAY, "instance"), f"{_LEGEND} 50 %"),
            query(_SCOPE.quantile(0.99, metrics.SIDECAR_PROBE_START_DELAY, "instance"), f"{_LEGEND} 99 %"),
            unit=SECONDS,
            steps=((0, GREEN), (0.5, YELLOW)),
        ),
        row("What a scrape costs"),
        graph(
            "Time of a scrape",
            "As Prometheus measures it.",
            query(_SCOPE.scrape(ScrapeSeries.DURATION), _LEGEND),
            unit=SECONDS,
        ),
        graph(
            "Samples in a scrape",
            "Each is a series that Prometheus keeps.",
            query(_SCOPE.scrape(ScrapeSeries.SAMPLES), _LEGEND),
            unit=COUNT,
        ),
        row("The spool"),
        graph(
            "Workers and files",
            "Live workers hold a lease; metric files are of the living and the dead.",
            query(total(_SCOPE.series(metrics.SIDECAR_SPOOL_WORKERS), "instance"), f"{_LEGEND} workers"),
            query(total(_SCOPE.series(metrics.SIDECAR_SPOOL_FILES), "instance"), f"{_LEGEND} files"),
            unit=COUNT,
            empty=_NO_SPOOL,
            width=8,
        ),
        graph(
            "Space on disk",
            "All that is in the spool, with what was set aside.",
            query(total(_SCOPE.series(metrics.SIDECAR_SPOOL_BYTES), "instance"), _LEGEND),
            unit=BYTES,
            empty=_NO_SPOOL,
            width=8,
        ),
        stat(
            "Set aside",
            "Damaged metric files that were set aside in the time shown.",
            query(f"round({total(_SCOPE.increase(metrics.SIDECAR_SPOOL_QUARANTINED_FILES))})", now=True),
            steps=((0, GREEN), (1, RED)),
            empty=_NO_SPOOL,
            height=8,
        ),
        stat(
            "Unreadable now",
            "Metric files that could not be read in the last scrape.",
            query(total(_SCOPE.series(metrics.SIDECAR_SPOOL_UNREADABLE_FILES)), now=True),
            steps=((0, GREEN), (1, RED)),
            empty=_NO_SPOOL,
            height=8,
        ),
        graph(
            "Time of compaction",
            "Of every look for dead workers and of merging what they left: mean, and what 95 % were below.",
            query(_SCOPE.mean(metrics.SIDECAR_SPOOL_COMPACTION_DURATION, "instance"), f"{_LEGEND} mean"),
            query(
                _SCOPE.quantile(0.95, metrics.SIDECAR_SPOOL_COMPACTION_DURATION, "instance"),
                f"{_LEGEND} 95 %",
            ),
            unit=SECONDS,
            empty=_NO_SPOOL,
        ),
        graph(
            "Files merged, and compactions that failed",
            "Metric files of dead workers in each interval; a compaction fails for the disk or permissions.",
            query(
                _SCOPE.in_bar(metrics.SIDECAR_SPOOL_COMPACTED_FILES, "instance"),
                f"{_LEGEND} merged",
            ),
            query(
                _SCOPE.in_bar(metrics.SIDECAR_SPOOL_COMPACTION_FAILURES, "instance"),
                f"{_LEGEND} failed",
            ),
            unit=COUNT,
            bars=True,
            empty=_NO_SPOOL,
        ),
    ],
)
