"""Numbers as Grafana writes them, and the colours that thresholds and mappings give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

COLORS: Final[Mapping[str, str]] = {
    "green": "#73bf69",
    "yellow": "#f2cc0c",
    "red": "#f2495c",
    "blue": "#5794f2",
    "text": "#9aa0a8",
    "orange": "#ff9830",
    "purple": "#b877d9",
}
PALETTE: Final = (
    *("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#37872d"),
    *("#fade2a", "#447ebc", "#c15c17", "#890f02", "#0a437c", "#6d1f62", "#584477", "#b7dbab"),
)
_TIMES: Final = ((86_400, "day"), (3_600, "hour"), (60, "min"), (1, "s"))


def written(value: float, unit: str) -> str:
    """The value with its unit, in few characters."""
    match unit:
        case "s":
            return _seconds(value)
        case "currencyUSD":
            return f"${value:.2f}" if abs(value) >= 1 or value == 0 else f"${value:.3g}"
        case "percentunit":
            return f"{value * 100:.3g}%"
        case "bytes":
            return f"{value / 1024:.3g} KiB" if value >= 1024 else f"{value:.0f} B"
        case "reqps":
            return f"{value:.3g} req/s"
        case "ops":
            return f"{value:.3g} /s"
        case _:
            return f"{value:.0f}" if float(value).is_integer() else f"{value:.3g}"


def _seconds(value: float) -> str:
    if abs(value) < 1:
        return "0 s" if value == 0 else f"{value * 1000:.3g} ms"
    size, name = next((size, name) for size, name in _TIMES if abs(value) >= size)
    return f"{value / size:.3g} {name}"


def shown(value: float, defaults: Mapping[str, Any]) -> tuple[str, str]:
    """Text and colour of a value by a panel's field options: by its mapping, else by the thresholds."""
    for mapping in defaults.get("mappings", ()):
        result = mapping["options"].get(f"{value:.0f}")
        if result is not None:
            return result["text"], COLORS[result["color"]]
    color = COLORS["text"]
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            color = COLORS[step["color"]]
    return written(value, defaults["unit"]), color
