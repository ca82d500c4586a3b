"""Reading request bodies; what is wrong with one is a `RefusedError`, never a traceback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.demo.stand_in import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web


async def read_json_object(request: web.Request) -> dict[str, object]:
    """The body as a JSON object.

    Raises:
        RefusedError: 400, for anything else.
    """
    try:
        # RecursionError: brackets nested a thousand deep.
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise RefusedError(400, "the request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise RefusedError(400, "the request body is not a JSON object")
    return body


def required_text(body: Mapping[str, object], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value.strip():
        raise RefusedError(400, f"{key}: a text that is not empty is required")
    return value


def optional_count(body: Mapping[str, object], key: str, *, highest: int) -> int | None:
    """A whole number from 1 to `highest`, or None where the key is missing or null."""
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= highest:
        raise RefusedError(400, f"{key}: a whole number from 1 to {highest} is required")
    return value
