"""A shape for each state, so that colour never speaks alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Mark:
    """Two paths in a square of 16: a filled `outline`, and a `sign` drawn upon it.

    `colour` is that of images, which can't know whether they stand on light or dark.
    """

    outline: str
    sign: str
    colour: str
    shields_colour: str


_DISC: Final = "M8 .8a7.2 7.2 0 1 1 0 14.4A7.2 7.2 0 0 1 8 .8Z"
MARKS: Final = {
    "up": Mark(_DISC, "M4.7 8.3l2.3 2.3 4.4-4.9", "#1a7f37", "brightgreen"),
    "degraded": Mark("M8 .9 15.6 14.7H.4Z", "M8 5.8v4M8 11.8v.9", "#9a6700", "yellow"),
    "down": Mark(
        "M4.8.8h6.4l4 4v6.4l-4 4H4.8l-4-4V4.8Z", "M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2", "#c62a33", "red"
    ),
    "unknown": Mark(_DISC, "M4.8 8h6.4", "#6a737d", "lightgrey"),
}
_OF_STATUS: Final = {"healthy": "up", "unhealthy": "down"}


def mark_name(state: str) -> str:
    """The mark for a dependency's state, or for the status of the whole."""
    name = _OF_STATUS.get(state, state)
    return name if name in MARKS else "unknown"


def every_mark() -> dict[str, Any]:
    """The paths, for the element."""
    return {name: [mark.outline, mark.sign] for name, mark in MARKS.items()}
