"""Cross-origin reading, for the origins that the configuration names and no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

_PREFLIGHT_SECONDS: Final = "600"
_ALLOWED_HEADERS: Final = (
    "If-None-Match, Last-Event-ID, "
    "HX-Request, HX-Boosted, HX-Current-URL, HX-Target, HX-Trigger, HX-Trigger-Name"
)
"""What a frontend sends with a GET; HTMX adds its own to each."""


def allow_origins(app: web.Application, origins: Callable[[], Sequence[str]]) -> None:
    """Let pages of these origins read every GET. No credentials are ever allowed."""

    @web.middleware
    async def preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method != hdrs.METH_OPTIONS or hdrs.ACCESS_CONTROL_REQUEST_METHOD not in request.headers:
            return await handler(request)
        response = web.Response(status=204)
        if _allowed_origin(request.headers.get(hdrs.ORIGIN), origins()):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = "GET, HEAD"
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = _ALLOWED_HEADERS
            response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = _PREFLIGHT_SECONDS
        return response

    # As its headers are sent: a stream of events sends them long before its handler returns.
    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        allowed = _allowed_origin(request.headers.get(hdrs.ORIGIN), origins())
        if origins():
            # The answer differs by origin: a cache must not hand one's to another.
            response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        if allowed:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = allowed
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = hdrs.ETAG

    app.middlewares.append(preflight)
    app.on_response_prepare.append(add_headers)


def _allowed_origin(origin: str | None, origins: Sequence[str]) -> str | None:
    if origin is None:
        return None
    if "*" in origins:
        return "*"
    return origin if origin in origins else None
