"""The objective for the latency of calls, watched by multiwindow, multi-burn-rate alerts.

As in Google's SRE workbook, chapter 5: a burn rate of 1 uses up exactly the allowed share of slow calls;
the long window says that it matters, the short one that it still goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dashboards.queries import EVERYWHERE, Suffix, bucket_bound, share, total
from dashboards.rules import Alert, Group, Recording, Severity
from pipeline.metrics import PIPELINE_CALL_DURATION

SLOW_ABOVE_SECONDS: Final = 20.48
ALLOWED_SLOW_RATIO: Final = 0.01
"""99 % of the calls to a dependency end within `SLOW_ABOVE_SECONDS`, which is a bound of the histogram."""

MIN_CALLS: Final = 20
"""With fewer calls in the long window one slow call would be an incident."""


@dataclass(frozen=True, slots=True)
class _Burn:
    name: str
    rate: float
    long_window: str
    short_window: str
    hold_seconds: int
    severity: Severity


_BURNS: Final = (
    _Burn("LatencySloBurnFast", 14.4, "1h", "5m", 120, Severity.CRITICAL),
    _Burn("LatencySloBurnMedium", 6, "6h", "30m", 900, Severity.CRITICAL),
    _Burn("LatencySloBurnSlow", 1, "3d", "6h", 3600, Severity.WARNING),
)
_WINDOWS: Final = ("5m", "30m", "1h", "6h", "3d")


def slow_ratio(window: str) -> str:
    """The share of calls to each dependency that took longer than the objective allows."""
    bound = bucket_bound(PIPELINE_CALL_DURATION, SLOW_ABOVE_SECONDS)
    fast = EVERYWHERE.rate(PIPELINE_CALL_DURATION, window, suffix=Suffix.BUCKET, le=bound)
    calls = total(EVERYWHERE.rate(PIPELINE_CALL_DURATION, window), "dependency")
    return f"1 - {share(total(fast, 'dependency'), calls)}"


def _recorded(window: str) -> str:
    return f"dependency:pipeline_slow_calls:ratio_rate{window}"


def _alert(burn: _Burn) -> Alert:
    bound = f"{burn.rate * ALLOWED_SLOW_RATIO:g}"
    calls = total(EVERYWHERE.increase(PIPELINE_CALL_DURATION, burn.long_window), "dependency")
    return Alert(
        name=burn.name,
        expression=(
            f"{_recorded(burn.long_window)} > {bound} and on (dependency) "
            f"{_recorded(burn.short_window)} > {bound} and on (dependency) {calls} >= {MIN_CALLS}"
        ),
        hold_seconds=burn.hold_seconds,
        severity=burn.severity,
        summary="Calls to {{ $labels.dependency }} are too slow",
        description=(
            f"{{{{ $value | humanizePercentage }}}} of the calls to {{{{ $labels.dependency }}}} in "
            f"{burn.long_window} took more than {SLOW_ABOVE_SECONDS} seconds; {ALLOWED_SLOW_RATIO:.0%} may."
        ),
    )


LATENCY: Final = Group(
    "pipeline-latency",
    recordings=tuple(Recording(_recorded(window), slow_ratio(window)) for window in _WINDOWS),
    alerts=tuple(_alert(burn) for burn in _BURNS),
)
