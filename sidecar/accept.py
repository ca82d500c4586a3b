"""Request headers that list what the client accepts, each with its quality (RFC 9110, section 12.4.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_ITEM: Final = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*+"?)+')
"""A quote that is never closed takes the rest with it, so that nothing is looked at twice."""
_PARAMETER: Final = re.compile(rf";\s*({_WORD})\s*=\s*({_WORD}|{_QUOTED})\s*")
_QUALITY: Final = re.compile(r"0?\.\d+|0\.?|1(?:\.0*)?")


class Choice(NamedTuple):
    """One thing that is accepted, in lower case; `quality` 0 means that it is not."""

    value: str
    parameters: Mapping[str, str]
    quality: float


def choices(header: str) -> list[Choice]:
    """What the header lists, in its order; what is not written properly is left out."""
    found = (_choice(item[0]) for item in _ITEM.finditer(header))
    return [choice for choice in found if choice is not None]


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a body may be sent compressed by gzip."""
    quality = {choice.value: choice.quality for choice in choices(accept_encoding)}
    named = [quality[name] for name in ("gzip", "x-gzip") if name in quality]
    return max(named, default=quality.get("*", 0.0)) > 0


def _choice(item: str) -> Choice | None:
    value, semicolon, rest = item.partition(";")
    parameters: dict[str, str] = {}
    position = 0
    rest = semicolon + rest
    while match := _PARAMETER.match(rest, position):
        parameters[match[1].lower()] = _unquoted(match[2])
        position = match.end()
    quality = parameters.pop("q", "1")
    if rest[position:].strip(" \t;") or not _QUALITY.fullmatch(quality):
        return None
    return Choice(value.strip().lower(), parameters, float(quality))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
