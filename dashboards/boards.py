"""A dashboard: its variables, its links to the others, and its panels."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from grafanalib import core

from dashboards.panels import DATA_SOURCE
from dashboards.queries import Scope
from pipeline.definitions import Definition
from pipeline.metrics import CIRCUIT_BREAKER_STATE, PIPELINE_COST, PIPELINE_LAYER_RUNS
from sidecar.metrics import DEPENDENCY_INFO, SIDECAR_BUILD_INFO


class Uid(StrEnum):
    """What a dashboard is called in its address; Grafana takes at most 40 characters."""

    OVERVIEW = "pipeline-overview"
    DEPENDENCIES = "pipeline-dependencies"
    CALLS = "pipeline-calls"
    PIPELINE = "pipeline-jobs"
    LIMITS = "pipeline-limits"
    SIDECAR = "pipeline-sidecar"


TAG: Final = "pipeline-sidecar"
EVERY: Final = ("job", "instance")
"""Variables of every dashboard, beside the data source."""

_SOURCES: Final[dict[str, Definition]] = {
    "job": SIDECAR_BUILD_INFO,
    "instance": SIDECAR_BUILD_INFO,
    "dependency": DEPENDENCY_INFO,
    "layer": PIPELINE_LAYER_RUNS,
    "model": PIPELINE_COST,
}
_LABELS: Final = {"job": "Job", "instance": "Sidecar"}


def scope_of(*variables: str) -> Scope:
    """What the queries of a dashboard with these variables, beside `EVERY`, are filtered by."""
    return Scope((*EVERY, *variables))


def board(
    uid: Uid,
    title: str,
    description: str,
    scope: Scope,
    panels: Sequence[core.Panel],
    *,
    guarded: bool = False,
    shown: str = "now-1h",
) -> core.Dashboard:
    """A dashboard as grafanalib has it; `guarded`: its dependencies are those that workers call."""
    return core.Dashboard(
        uid=uid.value,
        title=title,
        description=description,
        tags=[TAG],
        timezone="browser",
        refresh="10s",
        time=core.Time(shown, "now"),
        graphTooltip=core.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        editable=True,
        templating=core.Templating(
            [_data_source(), *(_variable(name, guarded=guarded) for name in scope.variables)]
        ),
        annotations=core.Annotations([_alerts_annotation()]),
        links=[
            core.DashboardLink(
                title="Dashboards", tags=[TAG], type="dashboards", includeVars=True, keepTime=True
            )
        ],
        panels=list(panels),
    )


def link_to(uid: Uid, *labels: str) -> str:
    """The address of another dashboard: same time, same sidecars, and the series that was clicked."""
    kept = "".join(f"&${{{name}:queryparam}}" for name in EVERY)
    clicked = "".join(f"&var-{label}=${{__field.labels.{label}}}" for label in labels)
    return f"/d/{uid}?${{__url_time_range}}&var-datasource=${{datasource}}{kept}{clicked}"


def _data_source() -> core.Template:
    return core.Template(name="datasource", label="Data source", type="datasource", query="prometheus")


def _variable(name: str, *, guarded: bool) -> core.Template:
    source = CIRCUIT_BREAKER_STATE if guarded and name == "dependency" else _SOURCES[name]
    chosen_before = EVERY[: EVERY.index(name)] if name in EVERY else EVERY
    return core.Template(
        name=name,
        label=_LABELS.get(name, name.capitalize()),
        query=f"label_values({Scope(chosen_before).series(source)}, {name})",
        dataSource=DATA_SOURCE,
        includeAll=True,
        multi=True,
        allValue=".*",
        refresh=core.REFRESH_ON_TIME_RANGE_CHANGE,
    )


def _alerts_annotation() -> dict[str, object]:
    return {
        "name": "Alerts",
        "datasource": DATA_SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "red",
        "expr": "sum by (alertname, dependency, layer) (" + firing_alerts() + ")",
        "step": "30s",
        "titleFormat": "{{alertname}}",
        "textFormat": "{{dependency}}{{layer}}",
    }


def firing_alerts() -> str:
    """Prometheus' own series of the alerts that fire."""
    return 'ALERTS{alertstate="firing"}'
