"""The files that the page and the element are made of, read once, each with a tag of its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from sidecar.page.marks import MARKS, every_mark
from sidecar.page.words import every_word

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILLED_IN: Final = "const SERVED = {};"


@dataclass(frozen=True, slots=True)
class Asset:
    name: str
    body: bytes
    content_type: str
    tag: str


@cache
def assets() -> Mapping[str, Asset]:
    """By name."""
    return {name: _asset(name, body) for name, body in _bodies()}


def asset_path(name: str) -> str:
    """Relative to the page, with the tag: what is at this path never changes."""
    return f"static/{name}?{assets()[name].tag}"


def _bodies() -> Iterator[tuple[str, bytes]]:
    for path in sorted(_FOLDER.iterdir()):
        text = path.read_text(encoding="utf-8")
        if path.name == "health-badge.js":
            served = json.dumps({"words": every_word(), "marks": every_mark()})
            text = text.replace(_FILLED_IN, f"const SERVED = {served};", 1)
        yield path.name, text.encode()
    for name, mark in MARKS.items():
        icon = (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
            f'<path d="{mark.outline}" fill="{mark.colour}"/>'
            f'<path d="{mark.sign}" fill="none" stroke="#fff" stroke-width="2"/></svg>'
        )
        yield f"icon-{name}.svg", icon.encode()


def _asset(name: str, body: bytes) -> Asset:
    return Asset(name, body, _TYPES[Path(name).suffix], hashlib.sha256(body).hexdigest()[:16])
