"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TURNING: Final = (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_VISIBLE: Final = dict.fromkeys(_TURNING, "\ufffd")


def visible(text: str) -> str:
    """The text without control characters, those that turn the direction of what surrounds it included."""
    return text.translate(_VISIBLE)


def seconds(value: float | None) -> str:
    """A duration: `12 ms`, `1.4 s`, `3 min 20 s`."""
    if value is None:
        return "–"
    if value < 0.0995:
        return f"{value * 1000:.0f} ms" if value >= 0.0005 else "< 1 ms"
    if value < 9.95:
        return f"{value:.2g} s"
    if value < _MINUTE:
        return f"{value:.0f} s"
    return span(value)


def span(value: float) -> str:
    """A long duration in its two largest units."""
    whole = round(value)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two(whole // _MINUTE, "min", whole % _MINUTE, "s")
    if whole < _DAY:
        return _two(whole // _HOUR, "h", whole % _HOUR // _MINUTE, "min")
    return _two(whole // _DAY, "d", whole % _DAY // _HOUR, "h")


def usd(value: float) -> str:
    """Cents where they are read, more digits where a call costs less than a cent."""
    whole, _, digits = f"{value:,.4f}".partition(".")
    if value >= 0.1:
        return f"${value:,.2f}"
    return f"${whole}.{digits.rstrip('0').ljust(2, '0')}"


def count(value: float) -> str:
    return f"{value:,.0f}"


def percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def ago(moment: float, now: float) -> str:
    """How long before `now`, in one unit: what the page's script goes on counting from."""
    passed = max(0.0, now - moment)
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if passed >= size:
            return f"{passed // size:.0f} {unit} ago"
    return f"{passed // 1:.0f} s ago"


def timestamp(text: str) -> float:
    """Unix seconds of a time in the document."""
    return datetime.fromisoformat(text).timestamp()


def _two(first: int, first_unit: str, second: int, second_unit: str) -> str:
    return f"{first} {first_unit}" + (f" {second} {second_unit}" if second else "")
