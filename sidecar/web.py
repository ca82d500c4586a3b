"""Routes and nothing else: each answer is a view of one snapshot of the registry."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from aiohttp import web

from sidecar import exposition
from sidecar.health import Status, health_document
from sidecar.registry import Registry
from sidecar.scheduler import Scheduler

_ENDPOINTS = """\
pipeline-sidecar

/metrics              everything, for Prometheus
/api/health/status    the health document, JSON; 503 while a critical dependency is down
/healthz              200 while the sidecar lives
/readyz               200 once every probe has run
"""


class Routes:
    """The handlers, given what they show."""

    def __init__(
        self, registry: Registry, scheduler: Scheduler, *, now: Callable[[], float] = time.time
    ) -> None:
        self._registry = registry
        self._scheduler = scheduler
        self._now = now

    def table(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.index),
            web.get("/metrics", self.metrics),
            web.get("/api/health/status", self.health_status),
            web.get("/healthz", self.healthz),
            web.get("/readyz", self.readyz),
        ]

    async def index(self, _request: web.Request) -> web.Response:
        return web.Response(text=_ENDPOINTS)

    async def metrics(self, _request: web.Request) -> web.Response:
        families = await self._registry.snapshot()
        return web.Response(
            body=exposition.to_text(families), headers={"Content-Type": exposition.CONTENT_TYPE}
        )

    async def health_status(self, _request: web.Request) -> web.Response:
        document = health_document(await self._registry.snapshot(), self._now())
        return web.Response(
            text=json.dumps(document, allow_nan=False),
            content_type="application/json",
            status=503 if document["status"] == Status.UNHEALTHY else 200,
            headers={"Cache-Control": "no-store"},
        )

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def readyz(self, _request: web.Request) -> web.Response:
        if self._scheduler.ready:
            return web.Response(text="ready\n")
        return web.Response(text="waiting for the first run of every probe\n", status=503)
