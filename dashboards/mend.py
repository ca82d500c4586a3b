"""What grafanalib 0.7.1 writes, mended for Grafana 10 to 12.

grafanalib still writes the format of 2016 in many places: Grafana would migrate some of it each time it
loads the dashboard, and show the rest wrong. `schema.py` checks the result and knows nothing of this module.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from string import ascii_uppercase
from typing import Any, Final

from grafanalib._gen import DashboardEncoder
from grafanalib.core import Dashboard

Json = dict[str, Any]

SCHEMA_VERSION: Final = 39
COLUMNS: Final = 24
NO_DATA: Final = "no data"

_DASHBOARD_KEYS: Final = (
    *("annotations", "description", "editable", "graphTooltip", "id", "links", "panels", "refresh"),
    *("schemaVersion", "tags", "templating", "time", "timepicker", "timezone", "title", "uid", "version"),
)
_PANEL_KEYS: Final = (
    *("datasource", "description", "fieldConfig", "gridPos", "id", "interval", "links", "options", "targets"),
    *("timeFrom", "title", "transformations", "transparent", "type"),
)
_ROW_KEYS: Final = ("collapsed", "gridPos", "id", "panels", "title", "type")
_TARGET_KEYS: Final = ("datasource", "expr", "format", "hide", "instant", "interval", "legendFormat", "refId")
_VARIABLE_KEYS: Final = (
    *("allValue", "current", "datasource", "hide", "includeAll", "label", "multi", "name", "options"),
    *("query", "refresh", "regex", "skipUrlSync", "sort", "type"),
)
_BUILT_IN_ANNOTATION: Final = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}


def mended(dashboard: Dashboard) -> Json:
    """The dashboard as Grafana 10 to 12 keeps it: JSON without anything that has to be migrated."""
    board: Json = json.loads(json.dumps(dashboard.to_json_data(), cls=DashboardEncoder))
    for mend in _MENDS:
        mend(board)
    return board


def _drop_what_grafana_forgot(board: Json) -> None:
    _keep(board, _DASHBOARD_KEYS)
    board["schemaVersion"] = SCHEMA_VERSION
    board["timepicker"] = {}
    for panel in board["panels"]:
        _keep(panel, _ROW_KEYS if panel["type"] == "row" else _PANEL_KEYS)


def _add_built_in_annotation(board: Json) -> None:
    annotations = board["annotations"]["list"]
    annotations[:] = [_BUILT_IN_ANNOTATION, *(one for one in annotations if "builtIn" not in one)]


def _number_panels(board: Json) -> None:
    for number, panel in enumerate(board["panels"], start=1):
        panel["id"] = number


def _pack(board: Json) -> None:
    """Left to right, top to bottom; a row begins a new line. Sizes are kept, places are not."""
    x = y = tallest = 0
    for panel in board["panels"]:
        is_row = panel["type"] == "row"
        size = panel.get("gridPos") or {}
        width, height = (COLUMNS, 1) if is_row else (size.get("w", COLUMNS // 2), size.get("h", 8))
        if x + width > COLUMNS or is_row:
            x, y, tallest = 0, y + tallest, 0
        panel["gridPos"] = {"x": x, "y": y, "w": width, "h": height}
        x, tallest = x + width, max(tallest, height)


def _mend_variables(board: Json) -> None:
    for variable in board["templating"]["list"]:
        _keep(variable, _VARIABLE_KEYS)
        variable["regex"] = variable.get("regex") or ""
        if variable["type"] == "query" and isinstance(variable["query"], str):
            variable["definition"] = variable["query"]
            variable["query"] = {"qryType": 1, "query": variable["query"], "refId": f"{variable['name']}"}
        variable["current"] = (
            {"selected": True, "text": ["All"], "value": ["$__all"]} if variable["includeAll"] else {}
        )
        _drop_nulls(variable)


def _mend_targets(board: Json) -> None:
    for panel in _panels(board):
        for letter, target in zip(ascii_uppercase, panel["targets"], strict=False):
            _keep(target, _TARGET_KEYS)
            if not target["interval"]:
                del target["interval"]
            target.update(
                refId=letter,
                datasource=target.get("datasource") or panel["datasource"],
                editorMode="code",
                exemplar=False,
                range=not target["instant"],
            )


def _mend_thresholds(board: Json) -> None:
    for panel in _panels(board):
        thresholds = panel["fieldConfig"]["defaults"]["thresholds"]
        steps = thresholds["steps"] or [{"color": "green"}]
        thresholds["steps"] = [
            {"color": step["color"], "value": step["value"] if number else None}
            for number, step in enumerate(steps)
        ]


def _mend_field_defaults(board: Json) -> None:
    for panel in _panels(board):
        defaults = panel["fieldConfig"]["defaults"]
        if defaults.get("noValue") in {None, "none"}:
            defaults["noValue"] = NO_DATA
        defaults["mappings"] = [_mapping(mapping) for mapping in defaults.get("mappings") or []]
        defaults.setdefault("color", {"mode": "thresholds"})
        defaults["unit"] = defaults.get("unit") or "none"
        panel["fieldConfig"].setdefault("overrides", [])
        # Where a cell's colour was chosen before Grafana 9.
        defaults.get("custom", {}).pop("displayMode", None)
        for settings in (panel, defaults, defaults.get("custom", {})):
            _drop_nulls(settings)


def _mapping(mapping: Json) -> Json:
    if isinstance(mapping["type"], str):
        return mapping
    # The format before Grafana 8, of StatValueMapping (1) and StatRangeMapping (2).
    if mapping["type"] == 1:
        return {"type": "value", "options": {mapping["value"]: {"index": 0, "text": mapping["text"]}}}
    result = {"index": 0, "text": mapping["text"]}
    bounds = {key: float(mapping[key]) for key in ("from", "to")}
    return {"type": "range", "options": {**bounds, "result": result}}


def _mend_reduction(board: Json) -> None:
    """Panels of one value show the newest, not the mean of what is on the screen."""
    for panel in _panels(board):
        if panel["type"] not in {"stat", "gauge", "bargauge"}:
            continue
        options = panel.setdefault("options", {})
        for key in ("fieldOptions", "showThresholdLabels", "showThresholdMarkers"):
            options.pop(key, None)
        defaults = panel["fieldConfig"]["defaults"]
        for key in ("calcs", "limit", "override", "values", "title"):
            defaults.pop(key, None)
        for key in ("showThresholdLabels", "showThresholdMarkers"):
            panel["fieldConfig"].pop(key, None)
        reduction = options.setdefault("reduceOptions", {"fields": "", "values": False})
        if reduction.get("calcs") in (None, ["mean"]):
            reduction["calcs"] = ["lastNotNull"]


def _mend_time_series(board: Json) -> None:
    for panel in _panels(board):
        legend = panel.get("options", {}).get("legend")
        if legend is not None:
            legend["showLegend"] = legend["displayMode"] != "hidden"
            legend["displayMode"] = legend["displayMode"].replace("hidden", "list")
        if panel["type"] == "timeseries":
            custom = panel["fieldConfig"]["defaults"]["custom"]
            custom["stacking"] = custom["stacking"] or {"group": "A", "mode": "none"}
            custom["scaleDistribution"] = {"type": "linear"}


_MENDS: Final[tuple[Callable[[Json], None], ...]] = (
    _drop_what_grafana_forgot,
    _add_built_in_annotation,
    _number_panels,
    _pack,
    _mend_variables,
    _mend_targets,
    _mend_thresholds,
    _mend_reduction,
    _mend_field_defaults,
    _mend_time_series,
)


def _panels(board: Json) -> list[Json]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def _drop_nulls(thing: Json) -> None:
    for key in [key for key, value in thing.items() if value is None]:
        del thing[key]


def _keep(thing: Json, keys: tuple[str, ...]) -> None:
    for key in set(thing) - set(keys):
        del thing[key]
