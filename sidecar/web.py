"""Routes and nothing else: each answer is a view of one snapshot of the registry, or of one probe."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from aiohttp import hdrs, web
from prometheus_client import Metric

from sidecar import exposition
from sidecar.debug import debug_document
from sidecar.dependency_series import families_of
from sidecar.health import Status, health_document
from sidecar.on_demand import ScrapeTimeoutError, look_now, scrape_limit_seconds
from sidecar.openapi import health_schema, openapi_document
from sidecar.probes.heartbeat import HeartbeatProbe
from sidecar.redaction import Redactor
from sidecar.registry import Registry
from sidecar.scheduler import Scheduler
from sidecar.watch import Watch

_NO_CACHE: Final = "no-cache"
"""Ask again each time; an ETag makes that cheap."""

_ENDPOINTS: Final = """\
pipeline-sidecar

/metrics                     everything, for Prometheus
/api/health/status           the health document, JSON; 503 while a critical dependency is down
/api/health/schema.json      its JSON Schema
/openapi.json                every path
/probe?dependency=NAME       run a configured probe now
/debug/probes/NAME           its last results, each with its steps
/healthz                     200 while the sidecar lives
/readyz                      200 once every probe has run
"""


class Routes:
    """The handlers, given what they show."""

    def __init__(
        self,
        registry: Registry,
        scheduler: Scheduler,
        redactor: Redactor,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._registry = registry
        self._scheduler = scheduler
        self._redactor = redactor
        self._now = now

    def table(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.index),
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

    async def index(self, _request: web.Request) -> web.Response:
        return web.Response(text=_ENDPOINTS)

    async def metrics(self, _request: web.Request) -> web.Response:
        families = await self._registry.snapshot()
        return await _text_format(families)

    async def health_status(self, request: web.Request) -> web.Response:
        document = health_document(await self._registry.snapshot(), self._now())
        body = json.dumps(document, allow_nan=False).encode()
        etag = hashlib.sha256(body).hexdigest()[:32]
        headers = {hdrs.CACHE_CONTROL: _NO_CACHE, hdrs.ETAG: f'"{etag}"'}
        if document["status"] == Status.UNHEALTHY:
            # Always told: to a load balancer the status code is the message.
            return web.Response(status=503, body=body, content_type="application/json", headers=headers)
        if any(known.value in {etag, "*"} for known in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, content_type="application/json", headers=headers)

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
        return await _text_format(families_of([await look_now(watch, limit)]))

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
        if self._scheduler.ready:
            return web.Response(text="ready\n")
        return web.Response(text="waiting for the first run of every probe\n", status=503)

    def _watch(self, dependency: str) -> Watch:
        watch = self._scheduler.watches.get(dependency)
        if watch is None:
            raise web.HTTPNotFound(text="no such dependency is configured\n")
        return watch


async def _text_format(families: Sequence[Metric]) -> web.Response:
    # In a thread: many thousand lines would hold up the probes.
    body = await asyncio.to_thread(exposition.to_text, families)
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: exposition.CONTENT_TYPE})
