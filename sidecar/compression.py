"""gzip for those that accept it."""

from __future__ import annotations

from aiohttp import hdrs, web

from sidecar.accept import accepts_gzip


def compressed(request: web.Request, response: web.Response) -> web.Response:
    """The response, compressed if the request accepts that; caches are told that it differs."""
    response.headers.add(hdrs.VARY, hdrs.ACCEPT_ENCODING)
    if wants_gzip(request):
        response.enable_compression(web.ContentCoding.gzip)
    return response


def wants_gzip(request: web.Request) -> bool:
    """Whether the request accepts gzip. A client can send the header in several lines."""
    return accepts_gzip(",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ())))
