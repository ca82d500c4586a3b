"""gzip for what people and frontends fetch, when they accept it."""

from __future__ import annotations

from aiohttp import hdrs, web


def compressed(response: web.Response) -> web.Response:
    """The response, compressed for who accepts that; caches are told that it differs."""
    response.headers.add(hdrs.VARY, hdrs.ACCEPT_ENCODING)
    response.enable_compression()
    return response
