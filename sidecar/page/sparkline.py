"""An hour of latency as a line of 120 by 24."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sidecar.latency import Minute
from sidecar.page.formats import seconds

WIDTH: Final = 120
HEIGHT: Final = 24
_MARGIN: Final = 2
_LEAST_SCALE_SECONDS: Final = 0.005
"""Less is noise: a dependency that answers within a millisecond is shown as a flat line."""


@dataclass(frozen=True, slots=True)
class Sparkline:
    """`line` and `failures` are paths, empty where there is nothing to draw; `words` say the same."""

    line: str
    failures: str
    words: str


def sparkline(minutes: Sequence[Minute]) -> Sparkline | None:
    """None when the hour is empty."""
    known = [minute.slowest_seconds for minute in minutes if minute.slowest_seconds is not None]
    failing = [position for position, minute in enumerate(minutes) if minute.failures]
    if not known and not failing:
        return None
    scale = max([*known, _LEAST_SCALE_SECONDS])
    step = (WIDTH - 2 * _MARGIN) / max(1, len(minutes) - 1)
    line, pen_is_down = "", False
    for position, minute in enumerate(minutes):
        if minute.slowest_seconds is None:
            pen_is_down = False
            continue
        x = _MARGIN + position * step
        y = HEIGHT - _MARGIN - minute.slowest_seconds / scale * (HEIGHT - 2 * _MARGIN)
        # The h0 lets a single minute be seen, as a dot.
        line += f"{'L' if pen_is_down else 'M'}{x:.0f} {y:.1f}" + ("" if pen_is_down else "h0")
        pen_is_down = True
    failures = "".join(f"M{_MARGIN + position * step:.0f} 0v{HEIGHT}" for position in failing)
    return Sparkline(line, failures, _words(known, len(failing)))


def _words(known: Sequence[float], failing: int) -> str:
    said = "no good run"
    if known:
        middle = sorted(known)[len(known) // 2]
        said = f"typically {seconds(middle)}, at most {seconds(max(known))}"
    if failing:
        said += f", failures in {failing} {'minute' if failing == 1 else 'minutes'}"
    return f"latency of the last hour: {said}"
