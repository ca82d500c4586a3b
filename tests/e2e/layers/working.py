"""A workplace with stand-ins on real sockets, and jobs that have got to a certain layer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer

from pipeline import Meter, running_job, running_layer
from pipeline.demo.stand_ins import create_app
from pipeline.jobs import Job
from pipeline.layers import LAYERS, Workplace
from pipeline.ledger.settings import LedgerSettings
from pipeline.limits import Limits
from pipeline.metrics import PIPELINE_FALLBACKS, FallbackKind
from pipeline.providers import language_models
from tests.pipeline.providers.serving import providers_of, settings_at

EXAMPLES = Path(__file__).parents[3] / "examples"
CV = (EXAMPLES / "cv.md").read_text()
POSTING = (EXAMPLES / "postings" / "backend-engineer-parcel-network.md").read_text()

QUESTIONS = sum(1 for layer in LAYERS if set(language_models.NAMES) <= set(layer.dependencies))
"""How often a job asks a model when all goes well."""


@dataclass
class StandIns:
    """Each on a socket of its own."""

    urls: Mapping[str, str]
    session: aiohttp.ClientSession

    async def misbehave(self, *names: str, **fault: object) -> None:
        for name in names:
            async with self.session.put(f"{self.urls[name]}/_fault", json=fault) as answered:
                assert answered.status == 200, await answered.text()

    async def heal(self, *names: str) -> None:
        for name in names:
            await self.misbehave(name, mode="none")

    async def calls(self, name: str) -> dict[str, dict[str, int]]:
        async with self.session.get(f"{self.urls[name]}/_calls") as answered:
            requests: dict[str, dict[str, int]] = (await answered.json())["requests"]
            return requests

    async def answered(self, name: str) -> int:
        """How many requests got an answer with status 200."""
        return sum(statuses.get("200", 0) for statuses in (await self.calls(name)).values())


@dataclass
class Work:
    """Runs jobs through the layers as the runner does, one at a time; what a layer raises is the caller's."""

    workplace: Workplace
    stand_ins: StandIns
    meter: Meter
    spent_usd: float = field(default=0.0)

    async def run(self, job: Job, *, until: str = "publish") -> Job:
        with running_job() as account:
            try:
                for layer in LAYERS:
                    if layer.name not in job.results:
                        with running_layer(layer.name):
                            job.results[layer.name] = await layer.run(job, self.workplace)
                    if layer.name == until:
                        break
            finally:
                self.spent_usd += account.spent_usd
        return job

    def fallbacks(self, layer: str, dependency: str) -> dict[str, float]:
        counted = {
            kind.value: self.meter.counter(PIPELINE_FALLBACKS, layer, dependency, kind.value).value
            for kind in FallbackKind
        }
        return {kind: count for kind, count in counted.items() if count}


@asynccontextmanager
async def stand_ins() -> AsyncIterator[StandIns]:
    names = ("openrouter", "anthropic", "openai", "firecrawl", "pdf_service")
    async with AsyncExitStack() as stack:
        urls = {}
        for name in names:
            server = await stack.enter_async_context(TestServer(create_app(name)))
            urls[name] = str(server.make_url("")).rstrip("/")
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield StandIns(urls, session)


@asynccontextmanager
async def work_at(
    served: StandIns,
    output: Path,
    *,
    models: tuple[str, ...] = ("openrouter",),
    mongodb: str | None = None,
    cv: str = CV,
    ledger: LedgerSettings | None = None,
    **more: Any,
) -> AsyncIterator[Work]:
    urls: dict[str, Any] = {"firecrawl": served.urls["firecrawl"], "pdf_service": served.urls["pdf_service"]}
    settings = settings_at(
        models={name: served.urls[name] for name in models}, mongodb=mongodb, cv=cv, **{**urls, **more}
    )
    meter = Meter()
    limits = Limits.from_settings(LedgerSettings() if ledger is None else ledger, meter)
    async with limits, providers_of(settings, meter, limits) as providers:
        yield Work(Workplace.of(settings, providers, output), served, meter)


def job_of(text: str = POSTING, *, name: str = "1") -> Job:
    return Job(id=name, source=f"{name}.md", text=text)
