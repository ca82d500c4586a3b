"""Server-sent events, as the model APIs stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable


def event(data: object, *, name: str | None = None) -> str:
    named = "" if name is None else f"event: {name}\n"
    return f"{named}data: {json.dumps(data)}\n\n"


async def send_events(request: web.Request, events: Iterable[str]) -> web.StreamResponse:
    """Send the events one by one.

    Raises:
        ConnectionError: the client left before the last one.
    """
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    for text in events:
        await response.write(text.encode())
    return response
