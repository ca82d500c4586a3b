from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from pipeline import Dependency, Meter
from pipeline.demo.stand_ins import create_app
from pipeline.metrics import PIPELINE_COST, PIPELINE_PRICED_CALLS, PIPELINE_TOKENS


class Served:
    """One stand-in on a real socket, the dependency that guards its client, and what was counted."""

    def __init__(self, name: str, url: str, **options: Any) -> None:
        self.url = url
        self.meter = Meter()
        self.dependency = Dependency(name, meter=self.meter, paid=True, **options)

    async def misbehave(self, **fault: object) -> None:
        async with ClientSession() as session, session.put(f"{self.url}/_fault", json=fault) as response:
            assert response.status == 200, await response.text()

    async def requests(self) -> dict[str, Any]:
        async with ClientSession() as session, session.get(f"{self.url}/_calls") as response:
            return dict(json.loads(await response.text())["requests"])

    def calls(self) -> dict[str, float]:
        return self._samples("pipeline_calls_total", "outcome")

    def judged(self) -> dict[str, float]:
        return self._samples("circuit_breaker_calls_total", "outcome")

    def priced(self) -> dict[str, float]:
        return self._samples(PIPELINE_PRICED_CALLS.name, "source")

    def tokens(self) -> dict[str, float]:
        return self._samples(PIPELINE_TOKENS.name, "type")

    def cost_usd(self) -> float:
        return sum(self._samples(PIPELINE_COST.name, "model").values())

    def _samples(self, name: str, label: str) -> dict[str, float]:
        return {
            sample.labels[label]: sample.value
            for family in self.meter.collect()
            for sample in family.samples
            if sample.name == name and sample.value
        }


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers = []

    async def start(name: str, **options: Any) -> Served:
        server = TestServer(create_app(name))
        servers.append(server)
        await server.start_server()
        return Served(name, str(server.make_url("")).rstrip("/"), **options)

    yield start
    for server in servers:
        await server.close()
