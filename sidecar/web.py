"""Routes and nothing else: each answer is a view of one snapshot of the registry, or of one probe."""

from __future__ import annotations

import json
from typing import Any, Final

from aiohttp import hdrs, web
from multidict import CIMultiDict

from sidecar.compression import compressed, wants_gzip
from sidecar.debug import debug_document
from sidecar.dependency_series import families_of
from sidecar.documents import Documents
from sidecar.exposition import Format, Renderer, choose_format
from sidecar.health import Status
from sidecar.linger import Linger
from sidecar.on_demand import ScrapeTimeoutError, WatchEndedError, look_now, scrape_limit_seconds
from sidecar.openapi import health_schema, openapi_document
from sidecar.probes.heartbeat import HeartbeatProbe
from sidecar.redaction import Redactor
from sidecar.registry import Registry
from sidecar.scheduler import Scheduler
from sidecar.scrapes import Scrapes
from sidecar.watch import Watch

_NO_CACHE: Final = "no-cache"
"""Ask again each time; an ETag makes that cheap."""

PATHS: Final = """\
/                            the status page, for browsers
/metrics                     everything, for Prometheus
/api/health/status           the health document, JSON; 503 while a critical dependency is down
/api/health/schema.json      its JSON Schema
/events                      its changes, as server-sent events
/partials/health_status.html the same for people, to include in other pages
/static/health-badge.js      the element <health-badge> for other pages
/badge.svg, /badge/NAME.svg  as images; /badge.json for shields.io
/openapi.json                every path
/probe?dependency=NAME       run a configured probe now
/debug/probes/NAME           its last results, each with its steps
/sd                          the sidecars to scrape, for Prometheus' HTTP service discovery
/healthz                     200 while the sidecar lives
/readyz                      200 once every probe has run, 503 again when the sidecar is told to stop
"""


class Routes:
    """The handlers, given what they show."""

    def __init__(
        self,
        registry: Registry,
        scheduler: Scheduler,
        redactor: Redactor,
        documents: Documents,
        linger: Linger | None = None,
    ) -> None:
        self._registry = registry
        self._scheduler = scheduler
        self._redactor = redactor
        self._documents = documents
        self._linger = Linger() if linger is None else linger
        self._scrapes = Scrapes(registry)

    def table(self) -> list[web.RouteDef]:
        return [
            web.get("/metrics", self.metrics),
            web.get("/api/health/status", self.health_status),
            web.get("/api/health/schema.json", self.health_schema),
            web.get("/openapi.json", self.openapi),
            web.get("/probe", self.probe),
            web.get("/debug/probes/{dependency}", self.debug_probe),
            web.post("/heartbeat/{dependency}", self.heartbeat),
            web.get("/healthz", self.healthz),
            web.get("/readyz", self.readyz),
        ]

    async def metrics(self, request: web.Request) -> web.Response:
        form, gzip = _chosen(request), wants_gzip(request)
        headers = _scrape_headers(form)
        if gzip:
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        if request.method == hdrs.METH_HEAD:
            return web.Response(headers=headers)  # nothing is collected for that
        # What was collected before the worker's end is not its last counts.
        is_last = self._linger.has_begun
        response = web.Response(body=await self._scrapes.body(form, compressed=gzip), headers=headers)
        if is_last:
            await self._linger.send_last(request, response)
        return response

    async def health_status(self, request: web.Request) -> web.Response:
        reading = await self._documents.read()
        # Weak: the same document is sent compressed and plain.
        headers = {hdrs.CACHE_CONTROL: _NO_CACHE, hdrs.ETAG: f'W/"{reading.tag}"'}
        unhealthy = reading.document["status"] == Status.UNHEALTHY
        # Unhealthy is always told: to a load balancer the status code is the message.
        if not unhealthy and any(known.value in {reading.tag, "*"} for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return compressed(
            request,
            web.Response(
                status=503 if unhealthy else 200,
                body=reading.body,
                content_type="application/json",
                headers=headers,
            ),
        )

    async def health_schema(self, _request: web.Request) -> web.Response:
        return web.json_response(health_schema(), content_type="application/schema+json")

    async def openapi(self, _request: web.Request) -> web.Response:
        return web.json_response(openapi_document())

    async def probe(self, request: web.Request) -> web.Response:
        """Run a configured probe now: never an arbitrary target."""
        watch = self._watch(request.query.get("dependency", ""))
        try:
            limit = scrape_limit_seconds(request.headers, watch.options.timeout_seconds)
        except ScrapeTimeoutError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        try:
            series = await look_now(watch, limit)
        except WatchEndedError as error:
            raise web.HTTPServiceUnavailable(text=f"{error}\n") from None
        form = _chosen(request)
        body = Renderer().render(families_of([series]), form)
        response = web.Response(body=body, headers=_scrape_headers(form))
        if wants_gzip(request):
            response.enable_compression(web.ContentCoding.gzip)
        return response

    async def debug_probe(self, request: web.Request) -> web.Response:
        document = debug_document(self._watch(request.match_info["dependency"]))
        return web.Response(
            text=json.dumps(self._redactor.clean_value(document), indent=2),
            content_type="application/json",
            headers={hdrs.CACHE_CONTROL: "no-store"},
        )

    async def heartbeat(self, request: web.Request) -> web.Response:
        """What a `heartbeat` dependency pushes."""
        probe: Any = self._watch(request.match_info["dependency"]).probe
        if not isinstance(probe, HeartbeatProbe):
            raise web.HTTPNotFound(text="that dependency is not of kind heartbeat\n")
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if not probe.accepts(token.strip() if scheme.lower() == "bearer" else None):
            raise web.HTTPUnauthorized(text="send the token as Authorization: Bearer …\n")
        probe.beat()
        return web.Response(status=204)

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def readyz(self, _request: web.Request) -> web.Response:
        if self._linger.has_begun:
            return web.Response(text="stopping; /metrics has the last counts\n", status=503)
        if self._scheduler.ready:
            return web.Response(text="ready\n")
        return web.Response(text="waiting for the first run of every probe\n", status=503)

    def _watch(self, dependency: str) -> Watch:
        watch = self._scheduler.watches.get(dependency)
        if watch is None:
            raise web.HTTPNotFound(text="no such dependency is configured\n")
        return watch


def _chosen(request: web.Request) -> Format:
    """The format of a scrape. A client can send the header in several lines."""
    return choose_format(",".join(request.headers.getall(hdrs.ACCEPT, ())))


def _scrape_headers(form: Format) -> CIMultiDict[str]:
    return CIMultiDict({hdrs.CONTENT_TYPE: form.content_type, hdrs.VARY: "Accept, Accept-Encoding"})
