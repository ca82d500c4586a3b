"""The check must fail on what grafanalib writes, or it proves nothing about what we write."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from grafanalib import core
from grafanalib._gen import DashboardEncoder

from dashboards.mend import mended
from dashboards.schema import problems

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
Json = dict[str, Any]


def plain() -> core.Dashboard:
    """As one writes a dashboard with grafanalib who does not know of its age."""
    target = core.Target(expr="up", datasource=SOURCE)
    told = {"dataSource": SOURCE, "description": "Described."}
    legacy = [
        core.StatValueMapping(text="down", mapValue="0", id=1),
        core.StatRangeMapping(text="up", startValue="1", endValue="9", id=2),
    ]
    return core.Dashboard(
        title="Plain",
        description="Described.",
        uid="plain",
        panels=[
            core.RowPanel(title="Row", gridPos=core.GridPos(1, 24, 0, 0)),
            core.TimeSeries(title="Series", targets=[target, target], unit="s", **told),
            core.Stat(title="Stat", targets=[target], mappings=list(legacy), **told),
            core.BarGauge(title="Bars", targets=[target], **told),
            core.GaugePanel(title="Gauge", targets=[target], **told),
            core.Table(title="Table", targets=[target], unit="s", **told),
            core.StateTimeline(title="States", targets=[target], **told),
        ],
    )


def raw() -> Json:
    content: Json = json.loads(json.dumps(plain().to_json_data(), cls=DashboardEncoder))
    return content


def with_thresholds(board: Json, steps: Any) -> Json:
    board["panels"][1]["fieldConfig"]["defaults"]["thresholds"]["steps"] = steps
    return board


RAW_DEFECTS = (
    # One for each row of what grafanalib is known to write wrong.
    "schemaVersion: 12 is not 39 to 41",
    "rows: Grafana dropped this key",
    "__inputs: Grafana dropped this key",
    "style: Grafana dropped this key",
    "hideControls: Grafana dropped this key",
    "panels: ids must be positive and unique",
    "panel 'Series': refIds must be given and unique",
    "Series: gridPos must have x, y, w and h",
    "panel 'Bars': a threshold step has color and value, nothing else",
    "panel 'Bars': the base threshold is null",
    "panel 'Stat': threshold steps must be a list with a base",
    "panel 'Stat': reduceOptions.calcs must be given",
    "panel 'Stat': noValue must say",
    "panel 'Stat': a mapping in the format before Grafana 8",
    "panel 'Bars': options in a place where Grafana does not look",
    "panel 'Gauge': options in a place where Grafana does not look",
    "panel 'Bars': reduceOptions.calcs must be given",
    "panel 'Series': maxDataPoints 100 makes the graph coarse",
    "panel 'Series': target key intervalFactor",
    "panel 'Series': target key step",
    "panel 'Series': legend.showLegend is missing",
    "panel 'Series': custom.stacking has no mode",
    "panel 'Series': a target has exemplar, and either range or instant",
    "panel 'Table': custom.displayMode is custom.cellOptions",
    "annotations: there must be exactly one built-in",
)


@pytest.mark.parametrize("defect", RAW_DEFECTS)
def test_the_check_finds_each_defect_of_grafanalibs_own_output(defect: str) -> None:
    assert any(problem.startswith(defect) for problem in problems(raw())), problems(raw())


def test_mending_leaves_no_defect() -> None:
    assert problems(mended(plain())) == []


def test_old_mappings_keep_their_meaning() -> None:
    stat = mended(plain())["panels"][2]
    assert stat["fieldConfig"]["defaults"]["mappings"] == [
        {"type": "value", "options": {"0": {"index": 0, "text": "down"}}},
        {"type": "range", "options": {"from": 1.0, "to": 9.0, "result": {"index": 0, "text": "up"}}},
    ]


def changed(board: Json, *path: Any, to: Any) -> Json:
    *way, last = path
    place = board
    for step in way:
        place = place[step]
    place[last] = to
    return board


FLAWS: tuple[tuple[Callable[[Json], Json], str], ...] = (
    (lambda b: changed(b, "id", to=7), "id: must be null"),
    (lambda b: changed(b, "uid", to="u" * 41), "uid: "),
    (lambda b: changed(b, "panels", 1, "gridPos", "x", to=13), "does not fit into 24 columns"),
    (lambda b: changed(b, "panels", 2, "gridPos", to=b["panels"][1]["gridPos"]), "Stat: lies over Series"),
    (
        lambda b: with_thresholds(b, [{"color": "red", "value": None}, {"color": "green", "value": "1"}]),
        "the others are numbers",
    ),
    (
        lambda b: with_thresholds(
            b, [{"color": c, "value": v} for c, v in (("red", None), ("green", 2), ("blue", 1))]
        ),
        "thresholds must rise",
    ),
    (
        lambda b: changed(b, "panels", 1, "targets", 0, "expr", to="up{x=~'$layer'}"),
        "$layer is not a variable",
    ),
    (
        lambda b: changed(b, "panels", 1, "targets", 0, "datasource", to="Prometheus"),
        "datasource must be the chosen one",
    ),
    (
        lambda b: changed(
            b, "panels", 1, "targets", 0, to={"expr": "rate(a[$__rate_interval])", "interval": "1m"}
        ),
        "a target's interval counts as that of scrapes",
    ),
    (lambda b: changed(b, "panels", 1, "targets", 1, "refId", to="A"), "refIds must be given and unique"),
    (lambda b: changed(b, "panels", 1, "description", to=""), "a title and a description"),
    (lambda b: changed(b, "panels", 1, "fieldConfig", "defaults", "unit", to=""), "unit is missing"),
)


@pytest.mark.parametrize(("spoil", "problem"), FLAWS, ids=[flaw[1] for flaw in FLAWS])
def test_the_check_finds_what_we_could_do_wrong(spoil: Callable[[Json], Json], problem: str) -> None:
    board = copy.deepcopy(mended(plain()))
    found = problems(spoil(board))
    assert [one for one in found if problem in one] != [], found
