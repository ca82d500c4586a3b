"""What the providers' own headers say about their limits.

OpenAI: `x-ratelimit-remaining-requests`, `…-tokens`, with `x-ratelimit-reset-…` as `1s`, `6m0s`, `20ms`.
Anthropic: `anthropic-ratelimit-requests-remaining`, `…-tokens-…`, `…-input-tokens-…`, `…-output-tokens-…`,
with `…-reset` as a time of RFC 3339. OpenRouter: `x-ratelimit-remaining` and `x-ratelimit-reset`, Unix time
in milliseconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from pipeline.ledger.protocol import MAX_PAUSE_SECONDS

_OPENAI: Final = re.compile(r"x-ratelimit-remaining-([a-z-]{1,40})")
_ANTHROPIC: Final = re.compile(r"anthropic-ratelimit-([a-z-]{1,40})-remaining")
_OPENROUTER: Final = "x-ratelimit-remaining"
_DURATION_PART: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_MAX_HEADER_CHARS: Final = 64


def pause_seconds(headers: Mapping[str, str], *, now: Callable[[], float]) -> float:
    """How long to send nothing, by what has come to 0; 0 where everything remains. `now` is Unix time.

    What can't be read says nothing, and nothing pauses longer than `MAX_PAUSE_SECONDS`.
    """
    longest = 0.0
    for name in headers:
        seconds = _until_reset(str(name).lower(), headers, now)
        longest = max(longest, seconds)
    return min(longest, MAX_PAUSE_SECONDS)


def _until_reset(name: str, headers: Mapping[str, str], now: Callable[[], float]) -> float:
    """0 for a header that says something else, or that something remains."""
    openai, anthropic = _OPENAI.fullmatch(name), _ANTHROPIC.fullmatch(name)
    if openai is None and anthropic is None and name != _OPENROUTER:
        return 0.0
    if _text(headers, name) != "0":
        return 0.0
    if openai is not None:
        return _duration_seconds(_text(headers, f"x-ratelimit-reset-{openai[1]}"))
    if anthropic is not None:
        return _seconds_until(_text(headers, f"anthropic-ratelimit-{anthropic[1]}-reset"), now)
    reset = _text(headers, "x-ratelimit-reset")
    return max(0.0, int(reset) / 1000 - now()) if reset.isascii() and reset.isdigit() else 0.0


def _text(headers: Mapping[str, str], name: str) -> str:
    """By its name in any case; a mapping of the SDKs is indifferent to it, a dict is not."""
    value = headers.get(name)
    if value is None:
        value = next((headers[key] for key in headers if str(key).lower() == name), "")
    return str(value)[:_MAX_HEADER_CHARS].strip()


def _duration_seconds(text: str) -> float:
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return 0.0
    return math.fsum(float(number) * _SECONDS[unit] for number, unit in parts)


def _seconds_until(text: str, now: Callable[[], float]) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return max(0.0, moment.timestamp() - now())
    except OverflowError:
        return 0.0
