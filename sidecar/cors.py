"""Cross-origin reading, for the origins that the configuration names and no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

_PREFLIGHT_SECONDS: Final = "600"


def allow_origins(origins: Callable[[], Sequence[str]]) -> Middleware:
    """A middleware that lets pages of these origins read every GET. No credentials are ever allowed."""

    @web.middleware
    async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
        allowed = _allowed_origin(request.headers.get(hdrs.ORIGIN), origins())
        if request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers:
            response: web.StreamResponse = web.Response(status=204)
            if allowed:
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = "GET, HEAD"
                response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = "If-None-Match, Last-Event-ID"
                response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = _PREFLIGHT_SECONDS
        else:
            response = await handler(request)
        if origins():
            # The answer differs by origin: a cache must not hand one's to another.
            response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        if allowed:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = allowed
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = hdrs.ETAG
        return response

    return cors


def _allowed_origin(origin: str | None, origins: Sequence[str]) -> str | None:
    if origin is None:
        return None
    if "*" in origins:
        return "*"
    return origin if origin in origins else None
