"""Badges as images, in the manner of shields.io, and as its endpoint format."""

from __future__ import annotations

from typing import Any, Final
from xml.sax.saxutils import escape

from sidecar.page.formats import visible
from sidecar.page.marks import MARKS

MAX_CHARS: Final = 40
_CHAR_WIDTH: Final = 7.0
_NARROW, _NARROW_WIDTH = "fijlrt.,:;!|'()[]I ", 4.2
_WIDE, _WIDE_WIDTH = "mwMW@%", 10.2
_PADDING: Final = 7
_MARK_WIDTH: Final = 14
_HEIGHT: Final = 20


def badge_svg(label: str, message: str, mark_name: str) -> str:
    """An image that tells the state by words, shape and colour."""
    mark = MARKS[mark_name]
    label, message = _cut(label), _cut(message)
    left = round(_width(label) + 2 * _PADDING)
    right = round(_width(message) + 2 * _PADDING + _MARK_WIDTH)
    title = escape(f"{label}: {message}", {'"': "&quot;"})
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" '
        f'role="img" aria-label="{title}"><title>{title}</title>'
        f'<rect width="{left + right}" height="{_HEIGHT}" rx="4" fill="#30363d"/>'
        f'<path d="M{left} 0h{right - 4}a4 4 0 0 1 4 4v12a4 4 0 0 1-4 4h-{right - 4}z" fill="{mark.colour}"/>'
        f'<g transform="translate({left + _PADDING - 1} 4) scale(.75)">'
        f'<path d="{mark.outline}" fill="#fff"/>'
        f'<path d="{mark.sign}" fill="none" stroke="{mark.colour}" stroke-width="2"/></g>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{_text(label, _PADDING)}{_text(message, left + _PADDING + _MARK_WIDTH)}</g></svg>"
    )


def badge_endpoint(label: str, message: str, mark_name: str) -> dict[str, Any]:
    """What shields.io's endpoint badge reads."""
    colour = MARKS[mark_name].shields_colour
    return {"schemaVersion": 1, "label": label, "message": message, "color": colour}


def _text(text: str, x: float) -> str:
    # The stated length holds whatever font there is; direction is the badge's, not the text's.
    return (
        f'<text x="{x}" y="14" textLength="{_width(text):.0f}" lengthAdjust="spacingAndGlyphs" '
        f'direction="ltr" unicode-bidi="isolate">{escape(text)}</text>'
    )


def _width(text: str) -> float:
    """About what Verdana takes."""
    narrow, wide = (sum(char in some for char in text) for some in (_NARROW, _WIDE))
    return narrow * _NARROW_WIDTH + wide * _WIDE_WIDTH + (len(text) - narrow - wide) * _CHAR_WIDTH


def _cut(text: str) -> str:
    text = visible(text)
    return text if len(text) <= MAX_CHARS else text[: MAX_CHARS - 1] + "…"
