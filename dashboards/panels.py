"""Panels: each is one call. Sizes are in Grafana's grid, 24 columns wide; places come with packing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafanalib import core

from dashboards.colors import GREEN
from dashboards.units import NO_UNIT

DATA_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


SHORTEST_BAR: Final = "1m"
"""Grafana's `Min interval` of a panel. The `Min step` of a query would be taken for the time between scrapes,
and `$__rate_interval` would be four times as long."""

Steps = Sequence[tuple[float, str]]
"""Thresholds: from this value on, this colour. The first holds below its value too."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How a number is written out: its text and colour."""

    text: str
    color: str


def query(expression: str, legend: str = "__auto", *, now: bool = False) -> core.Target:
    """`now`: the newest value alone, as stats and tables want it, instead of a line through time."""
    return core.Target(
        expr=expression,
        legendFormat=legend,
        instant=now,
        datasource=DATA_SOURCE,
        format="time_series",
    )


def row(title: str) -> core.RowPanel:
    return core.RowPanel(title=title)


def graph(
    title: str,
    description: str,
    *queries: core.Target,
    unit: str,
    stacked: bool = False,
    bars: bool = False,
    steps: Steps = (),
    colors: Mapping[str, str] | None = None,
    highest: float | None = None,
    empty: str = "no data",
    width: int = 12,
    height: int = 8,
) -> core.TimeSeries:
    """Lines through time, from 0 up. `steps` are drawn as lines; `colors` by a series' name.

    Bars are for what `Scope.in_bar` counts, at least a minute of it.
    """
    return core.TimeSeries(
        title=title,
        description=description,
        targets=list(queries),
        dataSource=DATA_SOURCE,
        unit=unit,
        lineWidth=1,
        fillOpacity=70 if bars else 25 if stacked else 8,
        drawStyle="bars" if bars else "line",
        stacking={"mode": "normal", "group": "A"} if stacked else {},
        showPoints="never",
        axisSoftMin=0,
        thresholds=_thresholds(steps),
        thresholdsStyleMode="dashed" if steps else "off",
        tooltipMode="multi",
        tooltipSort="desc",
        overrides=_colors(colors or {}),
        interval=SHORTEST_BAR if bars else None,
        gridPos=_size(width, height),
        extraJson=_defaults(noValue=empty, max=highest),
    )


def stat(
    title: str,
    description: str,
    *queries: core.Target,
    unit: str = NO_UNIT,
    steps: Steps = (),
    texts: Mapping[int, Shown] | None = None,
    by_name: bool = False,
    background: bool = False,
    empty: str = "–",
    link: str | None = None,
    since: str | None = None,
    width: int = 4,
    height: int = 4,
) -> core.Stat:
    """One number, or with `by_name` one for each series under its name; `since`: another time than shown."""
    return core.Stat(
        title=title,
        description=description,
        targets=list(queries),
        dataSource=DATA_SOURCE,
        format=unit,
        reduceCalc="lastNotNull",
        noValue=empty,
        thresholds=_thresholds(steps),
        mappings=_mappings(texts or {}),
        textMode="value_and_name" if by_name else "auto",
        colorMode="background" if background else "value",
        graphMode="none",
        color={"mode": "thresholds"},
        timeFrom=since,
        gridPos=_size(width, height),
        extraJson=_defaults(links=_links(link)),
    )


def timeline(
    title: str,
    description: str,
    *queries: core.Target,
    texts: Mapping[int, Shown],
    empty: str = "no data",
    link: str | None = None,
    width: int = 24,
    height: int = 8,
) -> core.StateTimeline:
    """A band for each series, coloured by what its number means."""
    return core.StateTimeline(
        title=title,
        description=description,
        targets=list(queries),
        dataSource=DATA_SOURCE,
        mappings=_mappings(texts),
        showValue="auto",
        legendPlacement="bottom",
        tooltipMode="single",
        thresholds=_thresholds(()),
        gridPos=_size(width, height),
        extraJson=_defaults(noValue=empty, links=_links(link), unit=NO_UNIT),
    )


def bar_gauge(
    title: str,
    description: str,
    *queries: core.Target,
    unit: str,
    steps: Steps = (),
    lowest: float = 0,
    highest: float | None = None,
    empty: str = "no data",
    width: int = 12,
    height: int = 8,
) -> core.BarGauge:
    """A horizontal bar for each series."""
    return core.BarGauge(
        title=title,
        description=description,
        targets=list(queries),
        dataSource=DATA_SOURCE,
        displayMode="basic",
        thresholds=_thresholds(steps),
        gridPos=_size(width, height),
        extraJson={
            **_defaults(noValue=empty, unit=unit, min=lowest, max=highest),
            "options": {
                "displayMode": "basic",
                "orientation": "horizontal",
                "showUnfilled": True,
                "valueMode": "color",
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            },
        },
    )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of values in a table: one query, under a title, with a unit."""

    title: str
    expression: str
    unit: str = NO_UNIT
    steps: Steps = ()
    texts: Mapping[int, Shown] | None = None


def table(
    title: str,
    description: str,
    labels: Mapping[str, str],
    *columns: Column,
    empty: str = "no data",
    width: int = 12,
    height: int = 8,
) -> core.Table:
    """A line for each combination of `labels` (label → header), a column for each query, values as of now."""
    names = {_value_name(number, len(columns)): column for number, column in enumerate(columns)}
    order = [*labels, *names]
    targets = [query(column.expression, now=True) for column in columns]
    for target in targets:
        target.format = "table"
    return core.Table(
        title=title,
        description=description,
        targets=targets,
        dataSource=DATA_SOURCE,
        overrides=[_column_override(column) for column in columns],
        thresholds=_thresholds(()),
        transformations=[
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "indexByName": {name: position for position, name in enumerate(order)},
                    "renameByName": {**labels, **{name: column.title for name, column in names.items()}},
                },
            },
        ],
        gridPos=_size(width, height),
        extraJson=_defaults(noValue=empty, custom={"cellOptions": {"type": "auto"}, "filterable": False}),
    )


def _value_name(number: int, count: int) -> str:
    # Grafana names the value of a single query so, of several by their letters.
    return "Value" if count == 1 else f"Value #{chr(ord('A') + number)}"


def _column_override(column: Column) -> dict[str, Any]:
    properties: list[dict[str, Any]] = [{"id": "unit", "value": column.unit}]
    if column.steps:
        steps = [
            {"color": color, "value": value if number else None}
            for number, (value, color) in enumerate(column.steps)
        ]
        properties += [
            {"id": "thresholds", "value": {"mode": "absolute", "steps": steps}},
            {"id": "custom.cellOptions", "value": {"type": "color-text"}},
        ]
    if column.texts:
        properties += [
            {"id": "mappings", "value": _mappings(column.texts)},
            {"id": "custom.cellOptions", "value": {"type": "color-text"}},
        ]
    return {"matcher": {"id": "byName", "options": column.title}, "properties": properties}


def _thresholds(steps: Steps) -> list[core.Threshold]:
    return [
        core.Threshold(color=color, index=number, value=float(value))
        for number, (value, color) in enumerate(steps or ((0, GREEN),))
    ]


def _mappings(texts: Mapping[int, Shown]) -> list[core.StatValueMappings]:
    if not texts:
        return []
    items = (
        core.StatValueMappingItem(shown.text, str(value), shown.color, index=number)
        for number, (value, shown) in enumerate(texts.items())
    )
    return [core.StatValueMappings(*items)]


def _colors(colors: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    return [
        {
            "matcher": {"id": "byName", "options": name},
            "properties": [{"id": "color", "value": {"fixedColor": color, "mode": "fixed"}}],
        }
        for name, color in colors.items()
    ]


def _links(url: str | None) -> list[dict[str, Any]] | None:
    return None if url is None else [{"title": "Details", "url": url, "targetBlank": False}]


def _size(width: int, height: int) -> core.GridPos:
    return core.GridPos(h=height, w=width, x=0, y=0)


def _defaults(**values: object) -> dict[str, Any]:
    """Field options that grafanalib has no parameter for."""
    given = {key: value for key, value in values.items() if value is not None}
    return {"fieldConfig": {"defaults": given}}
