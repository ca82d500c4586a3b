"""Panels as SVG. Everything that comes from data is escaped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise
from typing import Any, Final

from dashboards.drawing.answers import BAR_SECONDS, Series
from dashboards.drawing.formats import COLORS, PALETTE, shown, written

Json = dict[str, Any]
Place = tuple[float, float]

_COLUMN: Final = 48
_LINE: Final = 34
_GAP: Final = 6
_LEGEND_LINES: Final = 2
_FONT: Final = 'font-family="Inter, Helvetica, Arial, sans-serif"'


@dataclass(frozen=True, slots=True)
class Box:
    """The inside of a panel, below its title, in pixels; it shows `begin` to `end`, Unix times in seconds."""

    x: float
    y: float
    width: float
    height: float
    begin: float
    end: float

    def at(self, time_seconds: float) -> float:
        """The x of a point in time."""
        return self.x + (time_seconds - self.begin) / ((self.end - self.begin) or 1) * self.width


def drawing(board: Json, data: Mapping[int, Sequence[Series]]) -> str:
    """The whole dashboard; `data` by the panels' ids."""
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    width, height = 24 * _COLUMN, 40 + lines * _LINE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {_FONT} role="img">',
        f"<title>{escape(board['title'])}</title>",
        '<rect width="100%" height="100%" fill="#111217"/>',
        _text(_GAP, 26, board["title"], size=18, color="#d8d9da"),
    ]
    times = [at for many in data.values() for one in many for at, _ in one.points]
    span = (min(times), max(times)) if times else (0.0, 1.0)
    for panel in board["panels"]:
        parts.extend(_panel(panel, data.get(panel["id"], ()), span))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Json, series: Sequence[Series], span: tuple[float, float]) -> Iterator[str]:
    place = panel["gridPos"]
    x, y = place["x"] * _COLUMN + _GAP / 2, 40 + place["y"] * _LINE + _GAP / 2
    width, height = place["w"] * _COLUMN - _GAP, place["h"] * _LINE - _GAP
    if panel["type"] == "row":
        yield _text(x + 4, y + 20, f"▾ {panel['title']}", size=14, color="#d8d9da")
        return
    yield (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2" '
        'fill="#181b1f" stroke="#2c3235"/>'
    )
    yield _text(x + 8, y + 18, panel["title"], size=12, color="#ccccdc", room=width - 16)
    box = Box(x + 8, y + 28, width - 16, height - 36, *span)
    if not series:
        empty = panel["fieldConfig"]["defaults"]["noValue"]
        yield _text(x + width / 2, y + height / 2 + 8, empty, color="#8e8e8e", anchor="middle")
        return
    yield from _DRAWN[panel["type"]](panel, series, box)


def _stat(panel: Json, series: Sequence[Series], box: Box) -> Iterator[str]:
    defaults, has_names = panel["fieldConfig"]["defaults"], len(series) > 1
    columns = min(len(series), 3 if has_names else 1)
    rows = -(-len(series) // columns)
    width, height = box.width / columns, box.height / rows
    for number, one in enumerate(series):
        text, color = shown(one.points[-1][1], defaults)
        x, y = box.x + number % columns * width, box.y + number // columns * height
        size = min(34.0, height * 0.55, width / max(4, len(text)) * 1.5)
        if has_names:
            yield (
                f'<rect x="{x + 2:.1f}" y="{y + 2:.1f}" width="{width - 4:.1f}" height="{height - 4:.1f}" '
                f'fill="{color}" opacity="0.85"/>'
            )
            color = "#111217"
            yield _text(x + width / 2, y + height * 0.35, one.name, color=color, anchor="middle")
            size *= 0.75
        at = y + height * (0.72 if has_names else 0.62)
        yield _text(x + width / 2, at, text, size=size, color=color, anchor="middle")


def _graph(panel: Json, series: Sequence[Series], box: Box) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    legend = 14 * min(_LEGEND_LINES, 1 + sum(len(one.name) * 6 + 24 for one in series) // int(box.width))
    plot = replace(box, x=box.x + 46, y=box.y + 4, width=box.width - 50, height=box.height - legend - 12)
    lines = _stacked(series) if stacked else [(one, one.points) for one in series]
    top = max([value for _, points in lines for _, value in points] + [defaults.get("max", 0)]) or 1.0
    fixed = {
        override["matcher"]["options"]: COLORS[override["properties"][0]["value"]["fixedColor"]]
        for override in panel["fieldConfig"]["overrides"]
    }
    for share in (0.0, 0.5, 1.0):
        y = plot.y + plot.height * (1 - share)
        yield f'<path d="M{plot.x:.1f} {y:.1f}h{plot.width:.1f}" stroke="#2c3235"/>'
        label = written(top * share, defaults["unit"])
        yield _text(plot.x - 4, y + 3, label, size=9, color="#8e8e8e", anchor="end")
    colors = [fixed.get(one.name, PALETTE[number % len(PALETTE)]) for number, one in enumerate(series)]
    drawn = list(zip(lines, colors, strict=True))
    for (_, points), color in reversed(drawn):
        places = [(plot.at(at), plot.y + plot.height * (1 - max(0.0, value) / top)) for at, value in points]
        if defaults["custom"]["drawStyle"] == "bars":
            yield from _columns(places, plot, color)
        else:
            yield from _line(places, plot, color, is_filled=stacked)
    yield from _legend([(one.name, color) for ((one, _), color) in drawn], box, legend)


def _line(places: Sequence[Place], plot: Box, color: str, *, is_filled: bool) -> Iterator[str]:
    floor = plot.y + plot.height
    for stretch in _stretches(places):
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in stretch)
        if is_filled:
            area = f"M{stretch[0][0]:.1f} {floor:.1f}L{path}L{stretch[-1][0]:.1f} {floor:.1f}Z"
            yield f'<path d="{area}" fill="{color}" fill-opacity="0.35"/>'
        yield f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="1.3" stroke-linecap="round"/>'


def _stretches(places: Sequence[Place]) -> list[list[Place]]:
    """Cut where there was no value for longer than between two values."""
    steps = [after[0] - before[0] for before, after in pairwise(places)]
    found = [[places[0]]]
    for place, step in zip(places[1:], steps, strict=True):
        if step > 1.5 * min(steps):
            found.append([])
        found[-1].append(place)
    return found


def _columns(places: Sequence[Place], plot: Box, color: str) -> Iterator[str]:
    width = plot.at(plot.begin + BAR_SECONDS) - plot.x
    for x, y in places:
        left = max(plot.x, x - width)
        yield (
            f'<rect x="{left + 1:.1f}" y="{y:.1f}" width="{max(1.0, x - left - 2):.1f}" '
            f'height="{plot.y + plot.height - y:.1f}" fill="{color}"/>'
        )


def _stacked(series: Sequence[Series]) -> list[tuple[Series, list[tuple[float, float]]]]:
    below: dict[float, float] = {}
    result = []
    for one in series:
        for at, value in one.points:
            below[at] = below.get(at, 0.0) + value
        result.append((one, [(at, below[at]) for at, _ in one.points]))
    return result


def _legend(entries: Sequence[tuple[str, str]], box: Box, height: float) -> Iterator[str]:
    x, y = box.x, box.y + box.height - height + 12
    for name, color in entries:
        width = len(name) * 5.6 + 24
        if x + width > box.x + box.width and x > box.x:
            x, y = box.x, y + 14
        if y > box.y + box.height + 2:
            return
        yield f'<rect x="{x:.1f}" y="{y - 6:.1f}" width="10" height="3" fill="{color}"/>'
        yield _text(x + 14, y, name, size=10, color="#ccccdc", room=box.width - 20)
        x += width


def _timeline(panel: Json, series: Sequence[Series], box: Box) -> Iterator[str]:
    plot = replace(box, x=box.x + 110, width=box.width - 110)
    height = plot.height / len(series)
    for number, one in enumerate(series):
        y = plot.y + number * height
        yield _text(plot.x - 6, y + height / 2 + 4, one.name, size=11, color="#ccccdc", anchor="end")
        for begin, end, value in _runs(one, plot.end):
            text, color = shown(value, panel["fieldConfig"]["defaults"])
            x = plot.at(begin)
            yield (
                f'<rect x="{x:.1f}" y="{y + 2:.1f}" width="{plot.at(end) - x:.1f}" '
                f'height="{height - 4:.1f}" fill="{color}"><title>{escape(text)}</title></rect>'
            )


def _runs(series: Series, last: float) -> Iterator[tuple[float, float, float]]:
    """Begin, end and value of each stretch of equal values."""
    begin, current = series.points[0]
    for at, value in series.points[1:]:
        if value != current:
            yield begin, at, current
            begin, current = at, value
    yield begin, last, current


def _bars(panel: Json, series: Sequence[Series], box: Box) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    top = defaults.get("max") or max(one.points[-1][1] for one in series) or 1.0
    height = min(34.0, box.height / len(series))
    for number, one in enumerate(series):
        text, color = shown(one.points[-1][1], defaults)
        y, length = box.y + number * height, (box.width - 210) * min(1.0, one.points[-1][1] / top)
        yield _text(box.x, y + height / 2 + 4, one.name, size=11, color="#ccccdc", room=128)
        yield (
            f'<rect x="{box.x + 130:.1f}" y="{y + 3:.1f}" width="{max(1.0, length):.1f}" '
            f'height="{height - 6:.1f}" fill="{color}"/>'
        )
        yield _text(box.x + box.width, y + height / 2 + 4, text, color=color, anchor="end")


def _table(panel: Json, series: Sequence[Series], box: Box) -> Iterator[str]:
    organized = panel["transformations"][1]["options"]
    names, letters = organized["renameByName"], [target["refId"] for target in panel["targets"]]
    order = organized["indexByName"]
    labels = [name for name in sorted(names, key=order.__getitem__) if not name.startswith("Value")]
    titles = [names["Value" if len(letters) == 1 else f"Value #{letter}"] for letter in letters]
    lines: dict[tuple[str, ...], dict[str, float]] = {}
    for one in series:
        key = tuple(one.labels.get(label, "") for label in labels)
        lines.setdefault(key, {})[one.letter] = one.points[-1][1]
    options = {
        override["matcher"]["options"]: {each["id"]: each["value"] for each in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
    }
    width = box.width / (len(labels) + len(titles))
    for column, title in enumerate([*(names[label] for label in labels), *titles]):
        yield _text(box.x + column * width, box.y + 8, title, size=11, color="#6e9fff", room=width)
    for number, (key, values) in enumerate(sorted(lines.items())[: int(box.height // 18) - 1]):
        y = box.y + 28 + number * 18
        for column, text in enumerate(key):
            yield _text(box.x + column * width, y, text, size=11, color="#ccccdc", room=width)
        for column, (letter, title) in enumerate(zip(letters, titles, strict=True), start=len(key)):
            if letter in values:
                told = options[title]
                thresholds = told.get("thresholds", {"steps": [{"color": "text", "value": None}]})
                defaults = {
                    "unit": told["unit"],
                    "mappings": told.get("mappings", []),
                    "thresholds": thresholds,
                }
                text, color = shown(values[letter], defaults)
                yield _text(box.x + column * width, y, text, size=11, color=color, room=width)


_DRAWN: Final[Mapping[str, Callable[[Json, Sequence[Series], Box], Iterator[str]]]] = {
    "stat": _stat,
    "timeseries": _graph,
    "state-timeline": _timeline,
    "bargauge": _bars,
    "table": _table,
}


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: float = 12,
    color: str = "#ccccdc",
    anchor: str = "start",
    room: float | None = None,
) -> str:
    if room is not None and len(text) * size * 0.56 > room:
        text = text[: max(1, int(room / size / 0.56) - 1)] + "…"
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.1f}" fill="{color}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
