"""The sidecar itself: who watches must be watched."""

from __future__ import annotations

from typing import Final

from dashboards.queries import EVERYWHERE, KNOWN_FOR, ScrapeSeries
from dashboards.rules import Alert, Group, Severity
from sidecar import metrics

_UP = EVERYWHERE.scrape(ScrapeSeries.UP)
_UNREADABLE = EVERYWHERE.series(metrics.SIDECAR_SPOOL_UNREADABLE_FILES)
# `unless … offset`: what was set aside before the first scrape has grown from nothing. Of the day before,
# so that a time in which nothing was scraped does not look like nothing.
_SET_ASIDE = EVERYWHERE.series(metrics.SIDECAR_SPOOL_QUARANTINED_FILES)

SIDECAR: Final = Group(
    "pipeline-sidecar",
    alerts=(
        Alert(
            name="SidecarDown",
            expression=f"{_UP} == 0",
            hold_seconds=120,
            severity=Severity.CRITICAL,
            summary="The sidecar {{ $labels.instance }} cannot be scraped",
            description="Nothing is known of the dependencies and jobs that it watches.",
        ),
        # A target that is no longer there, or an agent that died with its machine, says nothing: not even 0.
        Alert(
            name="SidecarGone",
            expression=f"last_over_time({_UP}[{KNOWN_FOR}]) unless {_UP}",
            hold_seconds=300,
            severity=Severity.CRITICAL,
            summary="The sidecar {{ $labels.instance }} is gone",
            description=(
                f"It was scraped within the last {KNOWN_FOR}, and now nobody scrapes it: "
                "nothing is known of what it watches, and its alerts have ended without being over."
            ),
        ),
        Alert(
            name="SidecarAbsent",
            expression=f"absent({_UP})",
            hold_seconds=300,
            severity=Severity.CRITICAL,
            summary="Prometheus knows of no sidecar",
            description="There is no target of the job {{ $labels.job }}: nothing at all is known.",
        ),
        Alert(
            name="ConfigReloadFailed",
            expression=f"{EVERYWHERE.series(metrics.SIDECAR_CONFIG_LAST_RELOAD_SUCCESSFUL)} == 0",
            hold_seconds=300,
            severity=Severity.WARNING,
            summary="The sidecar {{ $labels.instance }} refuses its configuration",
            description="It goes on with the one before; what was changed is not in force.",
        ),
        Alert(
            name="SpoolFilesSetAside",
            expression=(
                f"{EVERYWHERE.increase(metrics.SIDECAR_SPOOL_QUARANTINED_FILES, '1h')} > 0 "
                f"or ({_SET_ASIDE} > 0 unless last_over_time({_SET_ASIDE}[1d] offset 1h)) "
                f"or {_UNREADABLE} > 0"
            ),
            severity=Severity.WARNING,
            summary="Metric files of workers beside {{ $labels.instance }} are damaged",
            description="What workers wrote last into these files may be missing.",
            hold_seconds=300,
        ),
        Alert(
            name="SpoolUpkeepFails",
            # It runs every ten seconds: one that failed and went well the next time is long forgotten.
            expression=f"{EVERYWHERE.increase(metrics.SIDECAR_SPOOL_COMPACTION_FAILURES, '5m')} > 0",
            hold_seconds=900,
            severity=Severity.WARNING,
            summary="The spool beside {{ $labels.instance }} is not kept",
            description=(
                "What dead workers left is not merged, and damaged files are not set aside: scrapes become "
                "slower and the disk fuller with every worker that ends. What was counted still counts."
            ),
        ),
    ),
)
