"""The routes of everything that people look at."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from typing import Final

from aiohttp import hdrs, web

from sidecar.compression import compressed
from sidecar.documents import Documents, Reading
from sidecar.events import Events, TooManyClientsError
from sidecar.page import words
from sidecar.page.assets import assets
from sidecar.page.badge import badge_endpoint, badge_svg
from sidecar.page.marks import mark_name
from sidecar.page.render import OWN_LINKS, Link, health_status_html, status_page_html, status_text
from sidecar.recent import Recent
from sidecar.shared import Shared

_LABEL: Final = "pipeline"
_SEND_BUFFER_BYTES: Final = 64 * 1024
_SECURITY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_IMAGE: Final = {
    hdrs.CACHE_CONTROL: "no-store",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_STATIC: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
    # The files tell nothing of this sidecar: any page may load the element.
    hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_FIVE_MINUTES: Final = "public, max-age=300"
_STREAM: Final = {
    hdrs.CONTENT_TYPE: "text/event-stream",
    hdrs.CACHE_CONTROL: "no-store",
    "X-Content-Type-Options": "nosniff",
    # nginx would hold events back to fill its buffers.
    "X-Accel-Buffering": "no",
}


class PageRoutes:
    """The handlers, given what they show."""

    def __init__(
        self,
        documents: Documents,
        recent: Recent,
        events: Events,
        *,
        paths: str = "",
        links: Callable[[], Sequence[Link]] = lambda: OWN_LINKS,
    ) -> None:
        """`paths` is the list of what is served, for who asks for text."""
        self._documents = documents
        self._recent = recent
        self._events = events
        self._paths = paths
        self._links = links
        self._page = Shared(self._render_page)

    def table(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.index),
            web.get("/partials/health_status.html", self.partial),
            web.get("/events", self.events, allow_head=False),
            web.get("/badge.svg", self.badge),
            web.get("/badge/{dependency}.svg", self.dependency_badge),
            web.get("/badge.json", self.shields_endpoint),
            web.get("/static/{name}", self.static),
        ]

    async def index(self, request: web.Request) -> web.Response:
        """The status page for browsers, plain text for everybody else."""
        if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
            response = web.Response(text=status_text(await self._documents.read(), self._paths))
        else:
            response = web.Response(
                body=await self._page.get(), content_type="text/html", charset="utf-8", headers=_SECURITY
            )
        response.headers[hdrs.CACHE_CONTROL] = "no-store"
        response.headers.add(hdrs.VARY, hdrs.ACCEPT)
        return compressed(request, response)

    async def partial(self, request: web.Request) -> web.Response:
        html = health_status_html(await self._documents.read(), self._recent)
        response = web.Response(text=html, content_type="text/html", headers=_SECURITY)
        response.headers[hdrs.CACHE_CONTROL] = "no-store"
        return compressed(request, response)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Changes of the document, until the client goes."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        try:
            with self._events.client(transport.abort) as client:
                _limit_send_buffer(transport)
                response = web.StreamResponse(headers=_STREAM)
                await response.prepare(request)
                stream = self._events.stream(client, request.headers.get("Last-Event-ID"))
                # Who goes is noticed as the next event is sent, a heartbeat at the latest.
                with suppress(ConnectionResetError):
                    async with aclosing(stream):
                        async for frame in stream:
                            await response.write(frame)
                return response
        except TooManyClientsError:
            return web.Response(
                status=503, text="as many listen as may; ask again later\n", headers={hdrs.RETRY_AFTER: "10"}
            )

    async def badge(self, _request: web.Request) -> web.Response:
        return _svg(badge_svg(_LABEL, *_message(await self._documents.read())))

    async def dependency_badge(self, request: web.Request) -> web.Response:
        name = request.match_info["dependency"]
        entry = (await self._documents.read()).document["dependencies"].get(name)
        if entry is None:
            # An image too: a page that shows it says what is wrong.
            return _svg(badge_svg(_LABEL, "no such dependency", "unknown"), status=404)
        state = entry["status"]
        return _svg(badge_svg(name, words.state_in_words(state), mark_name(state)))

    async def shields_endpoint(self, _request: web.Request) -> web.Response:
        message, mark = _message(await self._documents.read())
        return web.json_response(badge_endpoint(_LABEL, message, mark), headers=_IMAGE)

    async def static(self, request: web.Request) -> web.Response:
        asset = assets().get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound(text="no such file\n")
        lasting = _FOR_EVER if request.query_string == asset.tag else _FIVE_MINUTES
        headers = {**_STATIC, hdrs.CACHE_CONTROL: lasting, hdrs.ETAG: f'W/"{asset.tag}"'}
        if any(known.value == asset.tag for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        response = web.Response(
            body=asset.body, content_type=asset.content_type, charset="utf-8", headers=headers
        )
        return compressed(request, response)

    async def _render_page(self) -> bytes:
        reading = await self._documents.read()
        # In a thread: hundreds of rows would hold up the probes.
        html = await asyncio.to_thread(status_page_html, reading, self._recent, self._links())
        return html.encode()


def _message(reading: Reading) -> tuple[str, str]:
    status = reading.document["status"]
    return words.status_in_words(status).lower(), mark_name(status)


def _svg(image: str, *, status: int = 200) -> web.Response:
    return web.Response(text=image, status=status, content_type="image/svg+xml", headers=_IMAGE)


def _limit_send_buffer(transport: asyncio.Transport) -> None:
    """What a client does not take is held in the kernel: by default that is megabytes for each."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
