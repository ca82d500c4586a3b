"""What is wrong with a dashboard's JSON for Grafana 10 to 12, in one line each.

Grafana publishes no schema that says these things: each is a defect that it takes silently and shows wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

Json = Mapping[str, Any]

_UID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_VARIABLE = re.compile(r"\$\{?(\w+)")
_BUILT_IN = re.compile(r"__\w+")
_LEGACY_DASHBOARD_KEYS: Final = ("rows", "__inputs", "style", "hideControls", "sharedCrosshair", "gnetId")
_LEGACY_TARGET_KEYS: Final = ("intervalFactor", "step", "metric", "target")
_MAPPING_TYPES: Final = ("value", "range", "regex", "special")
_ONE_VALUE_PANELS: Final = ("stat", "gauge", "bargauge")


def problems(dashboard: Json) -> list[str]:
    """Every defect found, `where: what`; empty for a dashboard that Grafana shows as it is meant."""
    return [problem for check in CHECKS for problem in check(dashboard)]


def _dashboard_keys(dashboard: Json) -> Iterator[str]:
    if not 39 <= dashboard.get("schemaVersion", 0) <= 41:
        yield f"schemaVersion: {dashboard.get('schemaVersion')} is not 39 to 41"
    for key in _LEGACY_DASHBOARD_KEYS:
        if key in dashboard:
            yield f"{key}: Grafana dropped this key"


def _identity(dashboard: Json) -> Iterator[str]:
    if dashboard.get("id") is not None:
        yield "id: must be null, Grafana gives it"
    if not _UID.fullmatch(str(dashboard.get("uid"))):
        yield f"uid: {dashboard.get('uid')!r} does not match {_UID.pattern}"
    for key in ("title", "description"):
        if not dashboard.get(key):
            yield f"{key}: is missing"


def _ids(dashboard: Json) -> Iterator[str]:
    ids = [panel.get("id") for panel in dashboard["panels"]]
    if not all(isinstance(one, int) and one > 0 for one in ids) or len(set(ids)) != len(ids):
        yield f"panels: ids must be positive and unique, they are {ids}"
    for where, panel in _panels(dashboard):
        references = [target.get("refId") for target in panel.get("targets", ())]
        if not all(references) or len(set(references)) != len(references):
            yield f"{where}: refIds must be given and unique, they are {references}"


def _grid(dashboard: Json) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        place, title = panel.get("gridPos"), panel.get("title")
        if not isinstance(place, dict) or {*place} != {"x", "y", "w", "h"} or min(place.values()) < 0:
            yield f"{title}: gridPos must have x, y, w and h"
            continue
        if place["x"] + place["w"] > 24 or place["w"] < 1 or place["h"] < 1:
            yield f"{title}: gridPos {place} does not fit into 24 columns"
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        for other in sorted({taken[cell] for cell in cells & set(taken)}):
            yield f"{title}: lies over {other}"
        taken.update(dict.fromkeys(cells, str(title)))


def _thresholds(dashboard: Json) -> Iterator[str]:
    for where, panel in _panels(dashboard):
        steps = _defaults(panel).get("thresholds", {}).get("steps")
        if not isinstance(steps, list) or not steps:
            yield f"{where}: threshold steps must be a list with a base"
            continue
        if any({*step} != {"color", "value"} for step in steps):
            yield f"{where}: a threshold step has color and value, nothing else"
        values = [step.get("value") for step in steps]
        rest = values[1:]
        if values[0] is not None or not all(isinstance(value, int | float) for value in rest):
            yield f"{where}: the base threshold is null, the others are numbers; they are {values}"
        elif rest != sorted(rest):
            yield f"{where}: thresholds must rise, they are {values}"


def _values(dashboard: Json) -> Iterator[str]:
    """Empty states, mappings and how many values become one."""
    for where, panel in _panels(dashboard):
        defaults, options = _defaults(panel), panel.get("options", {})
        if defaults.get("noValue") in {None, "", "none"}:
            yield f"{where}: noValue must say what an empty panel means"
        if not defaults.get("unit"):
            yield f"{where}: unit is missing"
        if any(mapping.get("type") not in _MAPPING_TYPES for mapping in defaults.get("mappings", ())):
            yield f"{where}: a mapping in the format before Grafana 8"
        if "displayMode" in defaults.get("custom", {}):
            yield f"{where}: custom.displayMode is custom.cellOptions since Grafana 9"
        if panel["type"] in _ONE_VALUE_PANELS:
            calculations = options.get("reduceOptions", {}).get("calcs")
            if calculations is None or calculations == ["mean"]:
                yield f"{where}: reduceOptions.calcs must be given, and not as the mean of the screen"
            if "fieldOptions" in options or "calcs" in defaults:
                yield f"{where}: options in a place where Grafana does not look"


def _resolution(dashboard: Json) -> Iterator[str]:
    for where, panel in _panels(dashboard):
        if panel.get("maxDataPoints") is not None:
            yield f"{where}: maxDataPoints {panel['maxDataPoints']} makes the graph coarse"
        for target in panel.get("targets", ()):
            for key in _LEGACY_TARGET_KEYS:
                if key in target:
                    yield f"{where}: target key {key} makes the graph coarse or is not Prometheus'"
            if target.get("interval") and "$__rate_interval" in target.get("expr", ""):
                yield f"{where}: a target's interval counts as that of scrapes; give the panel one"
            if "exemplar" not in target or target.get("range") is not (not target.get("instant")):
                yield f"{where}: a target has exemplar, and either range or instant"


def _legends(dashboard: Json) -> Iterator[str]:
    for where, panel in _panels(dashboard):
        legend = panel.get("options", {}).get("legend")
        if legend is not None and not isinstance(legend.get("showLegend"), bool):
            yield f"{where}: legend.showLegend is missing"
        if panel["type"] == "timeseries":
            stacking = _defaults(panel).get("custom", {}).get("stacking")
            if not stacking or stacking.get("mode") not in {"none", "normal", "percent"}:
                yield f"{where}: custom.stacking has no mode"


def _annotations(dashboard: Json) -> Iterator[str]:
    built_in = [one for one in dashboard.get("annotations", {}).get("list", ()) if one.get("builtIn") == 1]
    if len(built_in) != 1:
        yield "annotations: there must be exactly one built-in"


def _data_sources(dashboard: Json) -> Iterator[str]:
    variables = [one for one in dashboard["templating"]["list"] if one.get("type") == "query"]
    places = [(f"variable {one['name']}", one) for one in variables]
    for where, panel in _panels(dashboard):
        places += [(where, panel), *((where, target) for target in panel.get("targets", ()))]
    for where, place in places:
        if place.get("datasource") != {"type": "prometheus", "uid": "${datasource}"}:
            yield f"{where}: datasource must be the chosen one, not {place.get('datasource')}"


def _variables(dashboard: Json) -> Iterator[str]:
    known = {one["name"] for one in dashboard["templating"]["list"]}
    for where, panel in _panels(dashboard):
        for target in panel.get("targets", ()):
            used = set(_VARIABLE.findall(target.get("expr", "")))
            for name in sorted(name for name in used - known if not _BUILT_IN.fullmatch(name)):
                yield f"{where}: ${name} is not a variable of the dashboard"


def _texts(dashboard: Json) -> Iterator[str]:
    for where, panel in _panels(dashboard):
        if not panel.get("title") or not panel.get("description"):
            yield f"{where}: a panel has a title and a description"


CHECKS: Final[tuple[Callable[[Json], Iterator[str]], ...]] = (
    _dashboard_keys,
    _identity,
    _ids,
    _grid,
    _thresholds,
    _values,
    _resolution,
    _legends,
    _annotations,
    _data_sources,
    _variables,
    _texts,
)


def _panels(dashboard: Json) -> list[tuple[str, Json]]:
    return [
        (f"panel {panel.get('title')!r}", panel) for panel in dashboard["panels"] if panel["type"] != "row"
    ]


def _defaults(panel: Json) -> Json:
    defaults: Json = panel.get("fieldConfig", {}).get("defaults", {})
    return defaults
