"""All stand-ins in the test's own loop, with every request they saw; and `pipeline run` against them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from pipeline.demo.calls import CALLS, UNANSWERED, Charge
from pipeline.demo.faults import FAULTS, Fault, Mode
from pipeline.demo.stand_ins import create_app
from pipeline.instrument.credits import credits_stated
from pipeline.prices import Flavor, Prices, price_answer
from sidecar.demo.demo import API_KEYS, STAND_INS
from sidecar.spool.reader import SpoolReader
from tests.e2e.servers.process import REPOSITORY

CV = REPOSITORY / "examples" / "cv.md"
PAID = ("openrouter", "openai", "anthropic", "firecrawl")
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "PYTHONPATH")


@dataclass(frozen=True, slots=True)
class Seen:
    """One request of a client: how the stand-in answered it, and what that cost."""

    dependency: str
    status: str
    cost_usd: float


class Provider:
    """One stand-in on a port of its own, which can die and come back with its counters."""

    def __init__(self, name: str, seen: list[Seen]) -> None:
        self.name = name
        self.app = create_app(name)
        self.app.middlewares.insert(0, _one_after_another())
        self.cut = 0
        """Connections that came while it was dead."""
        self._seen = seen
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.1)
        self._site: web.TCPSite | None = None
        self._port = 0
        self._watch_calls()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def misbehave(self, fault: Fault) -> None:
        self.app[FAULTS].set(fault)

    async def is_idle(self) -> bool:
        """Whether no request is under way."""
        server = self._runner.server
        return server is None or not server.connections

    @asynccontextmanager
    async def dead(self) -> AsyncIterator[None]:
        """Every connection is cut, old ones and new ones; new ones are counted."""
        assert self._site is not None
        await self._site.stop()
        server = self._runner.server
        assert server is not None
        for connection in list(server.connections):
            if connection.transport is not None:
                connection.transport.abort()

        def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.cut += 1
            writer.transport.abort()

        async with await asyncio.start_server(cut, "127.0.0.1", self._port):
            yield
        await self._listen()

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await self._site.start()
        self._port = self._runner.addresses[0][1]

    def _watch_calls(self) -> None:
        calls = self.app[CALLS]
        sent, unanswered = calls.sent, calls.unanswered

        def note_sent(endpoint: str, response: web.StreamResponse) -> None:
            cost_usd = 0.0
            charge: Charge | None = calls._charges.get(response)
            if response.status == 200 and self.name in PAID:
                stated = 0.0 if charge is None else charge.cost_usd
                cost_usd = stated or _price_usd(self.name, endpoint, response)
            sent(endpoint, response)
            self._seen.append(Seen(self.name, str(response.status), cost_usd))

        def note_unanswered(endpoint: str) -> None:
            unanswered(endpoint)
            self._seen.append(Seen(self.name, UNANSWERED, 0.0))

        calls.sent, calls.unanswered = note_sent, note_unanswered  # type: ignore[method-assign]


def _one_after_another() -> Middleware:
    """Or else failures, which take no work, overtake good answers, and 5 of 50 are failures in a row."""
    turn = asyncio.Lock()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        async with turn:
            return await handler(request)

    return middleware


def _price_usd(provider: str, endpoint: str, response: web.StreamResponse) -> float:
    """What an answer costs that states tokens or credits, and no money."""
    assert isinstance(response, web.Response)
    assert isinstance(response.body, bytes)
    answer = json.loads(response.body)
    if provider == "firecrawl":
        return Prices().of_credits(credits_stated(answer), operation=endpoint.rpartition("/")[2]).usd
    flavor = Flavor.ANTHROPIC if provider == "anthropic" else Flavor.CHAT
    return price_answer(answer, provider=provider, model=answer["model"], flavor=flavor).usd


@dataclass
class World:
    """The stand-ins, a folder of postings, and where the pipeline writes to."""

    directory: Path
    providers: dict[str, Provider]
    seen: list[Seen] = field(default_factory=list)

    @property
    def postings(self) -> Path:
        return self.directory / "postings"

    @property
    def output(self) -> Path:
        return self.directory / "output"

    @property
    def spool(self) -> Path:
        return self.directory / "spool"

    def write_postings(self, number: int) -> None:
        self.postings.mkdir()
        for place in range(number):
            (self.postings / f"{place:03}.md").write_text(
                f"# Cook {place} at Inn {place}\n\nThe kitchen of inn {place} burns down every night.\n\n"
                "## Requirements\n\n- Knives\n- Patience\n"
            )

    def environment(self) -> dict[str, str]:
        urls = {
            variable: self.providers[name].url + path
            for name, variables in STAND_INS.items()
            for variable, path in variables.items()
        }
        keys = dict.fromkeys(API_KEYS, "key")
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        return {**kept, **urls, **keys, "CANDIDATE_CV": str(CV), "SIDECAR_SPOOL": str(self.spool)}

    async def start(self, *arguments: str, **variables: str) -> asyncio.subprocess.Process:
        """`pipeline run` on the postings."""
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "pipeline", "run", *(arguments or (str(self.postings),)), "--output", str(self.output)),
            env=self.environment() | variables,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str, **variables: str) -> tuple[int, str]:
        """The exit status and standard output of a whole run."""
        process = await self.start(*arguments, **variables)
        out, err = await process.communicate()
        assert b"Traceback" not in err, err.decode()
        assert process.returncode is not None
        return process.returncode, out.decode()

    def counted(self) -> Counted:
        return Counted.read(self.spool)

    def answers(self, dependency: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.dependency == dependency and seen.status == "200"]


@dataclass(frozen=True, slots=True)
class Counted:
    """What the workers have counted, from their spool: living and dead."""

    samples: Counter[tuple[str, tuple[tuple[str, str], ...]]]

    @classmethod
    def read(cls, spool: Path) -> Self:
        reading = SpoolReader(spool).read()
        assert reading.unreadable_files == 0
        samples: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        for family in reading.families:
            for sample in family.samples:
                samples[sample.name, tuple(sorted(sample.labels.items()))] += sample.value  # type: ignore[assignment]
        return cls(samples)

    def total(self, name: str, **labels: str) -> float:
        """The sum of the series that have these labels."""
        return sum(self._values(name, labels))

    def _values(self, name: str, labels: dict[str, str]) -> Iterator[float]:
        for (sample, found), value in self.samples.items():
            if sample == name and labels.items() <= dict(found).items():
                yield value


@asynccontextmanager
async def world(directory: Path) -> AsyncIterator[World]:
    """Everything runs until the block ends."""
    seen: list[Seen] = []
    created = World(directory, {name: Provider(name, seen) for name in STAND_INS}, seen)
    async with AsyncExitStack() as running:
        for provider in created.providers.values():
            await running.enter_async_context(provider)
        yield created


FAIL_TEN_PERCENT = Fault(mode=Mode.FAIL, status=500, ratio=0.1, seed=7)
HEALTHY = Fault()
