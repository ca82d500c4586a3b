"""A target's JSON: whatever it sends, it is what was asked for or a failure with the reason `body`."""

from __future__ import annotations

import json
import math

from sidecar.probes.result import ProbeFailure, Reason


def json_object(body: bytes) -> dict[str, object]:
    """The body as a JSON object.

    Raises:
        ProbeFailure: `body`, for anything else.
    """
    try:
        # RecursionError: brackets nested a thousand deep. ValueError: a number of a thousand digits, too.
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise ProbeFailure(Reason.BODY, "the answer is not JSON") from None
    if not isinstance(value, dict):
        raise ProbeFailure(Reason.BODY, "the answer is not a JSON object")
    return value


def object_in(answer: dict[str, object], key: str) -> dict[str, object]:
    """The object below a key.

    Raises:
        ProbeFailure: `body`, something else or nothing is there.
    """
    value = answer.get(key)
    if not isinstance(value, dict):
        raise ProbeFailure(Reason.BODY, f"the answer has no object `{key}`")
    return value


def list_in(answer: dict[str, object], key: str) -> list[object]:
    """The list below a key.

    Raises:
        ProbeFailure: `body`, something else or nothing is there.
    """
    value = answer.get(key)
    if not isinstance(value, list):
        raise ProbeFailure(Reason.BODY, f"the answer has no list `{key}`")
    return value


def finite_number(value: object) -> float | None:
    """A number as a float; None for NaN, infinity, text, true, and what no float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
