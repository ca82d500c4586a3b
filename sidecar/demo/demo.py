"""Stand-ins, sidecar and one pipeline worker, wired as a user would wire the real ones."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, ClientTimeout

from sidecar.app import serving
from sidecar.config import ListenAddress, load
from sidecar.config.environment import PROVIDERS, SECRETS, VARIABLES
from sidecar.demo.children import child, first_line
from sidecar.demo.mongodb import HOW_TO_ADD, mongodb
from sidecar.redaction import Redactor

STAND_INS: Final = {
    # stand-in → the variables that point the pipeline and the sidecar at it, and what to put behind its URL
    "openrouter": {"OPENROUTER_BASE_URL": "/api/v1"},
    "openai": {"OPENAI_BASE_URL": "/v1"},
    "anthropic": {"ANTHROPIC_BASE_URL": ""},
    "firecrawl": {"FIRECRAWL_API_URL": ""},
    "pdf_service": {"PDF_SERVICE_URL": ""},
}
PYTHON_MODULE: Final = (sys.executable, "-P", "-m")
"""Ours, whatever is called `pipeline` where the user stands."""

API_KEYS: Final = ("OPENROUTER_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "FIRECRAWL_API_KEY")

_DEMO_KEY: Final = "demo-key"
_START_SECONDS: Final = 30.0
_PROBE_INTERVAL_SECONDS: Final = "5"
_PROBE_TIMEOUT_SECONDS: Final = "2"
_PAUSE_BETWEEN_ROUNDS_SECONDS: Final = "5"

_IGNORED_VARIABLES: Final = {
    *VARIABLES,
    *(f"{name}_FILE" for name in SECRETS),
    *(f"{provider.dependency.upper()}_MODEL" for provider in PROVIDERS),
    "LLM_PROVIDERS",
    "PRICES_FILE",
    # What stand-ins cost must not be taken from a budget that real calls are made on.
    "LEDGER_DIRECTORY",
    "LEDGER_MONGODB_URI",
    "LEDGER_MONGODB_URI_FILE",
    "LEDGER_WHEN_UNAVAILABLE",
    "PROMETHEUS_MULTIPROC_DIR",
} - {"SIDECAR_LISTEN"}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StandIn:
    """A provider that runs as a process of its own, so that it can be killed."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that runs. `url` is the sidecar's."""

    url: str
    stand_ins: Mapping[str, StandIn]
    worker: Process


@asynccontextmanager
async def demo(
    *,
    jobs: Path,
    cv: Path,
    output: Path | None,
    listen: ListenAddress | None,
    environment: Mapping[str, str],
    redactor: Redactor,
    once: bool,
    say: Say,
) -> AsyncIterator[Demo]:
    """Start everything; all of it ends with the context, temporary files too.

    Args:
        jobs: a posting or a directory of them.
        cv: the candidate's, in Markdown.
        output: where the worker's files go; None for the demo's own temporary folder.
        listen: where the sidecar serves; None for what SIDECAR_LISTEN says.
        environment: what the user's shell gives; of those that name services only where to listen and
            which MongoDB to use count, the others are the demo's own; budget and limits hold.
        redactor: learns the secrets of the demo's configuration.
        once: the worker ends when its jobs are done, instead of starting over.
        say: told, line by line, what a person wants to know.

    Raises:
        ConfigError: the sidecar can't listen where it should.
        ChildError: a stand-in, or MongoDB, does not start.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pipeline-sidecar-demo-")))
        own = {name: value for name, value in environment.items() if name not in _IGNORED_VARIABLES}
        stand_ins = await _start_stand_ins(stack, own)
        for name, stand_in in stand_ins.items():
            say(f"  {name:<13} {stand_in.url}, pid {stand_in.pid}")
        pointed = {
            **own,
            **dict.fromkeys(API_KEYS, _DEMO_KEY),
            **_variables(stand_ins),
            "SIDECAR_SPOOL": str(folder / "spool"),
            "CANDIDATE_CV": str(cv),
            # Stand-ins are on this machine, wherever a proxy leads.
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
            "HEALTH_CHECK_INTERVAL": _PROBE_INTERVAL_SECONDS,
            "HEALTH_CHECK_TIMEOUT": _PROBE_TIMEOUT_SECONDS,
        }
        server = await stack.enter_async_context(mongodb(environment, folder / "mongodb"))
        say(f"  mongodb       {HOW_TO_ADD if server is None else server.shown}")
        if server is not None:
            pointed["MONGODB_URI"] = server.uri
        config = load(pointed)
        if listen is not None:
            config = config.model_copy(update={"listen": listen})
        url = await stack.enter_async_context(serving(config, redactor))
        files = folder / "output" if output is None else output
        command = [*PYTHON_MODULE, "pipeline", "run", str(jobs), "--output", str(files)]
        if not once:
            command += ["--every", _PAUSE_BETWEEN_ROUNDS_SECONDS]
        worker = await stack.enter_async_context(child(*command, environment=pointed))
        say(f"  worker        {jobs} → {files}, pid {worker.pid}")
        yield Demo(url, stand_ins, worker)


async def fetch_document(url: str) -> str:
    """The document, as JSON text, as soon as every probe has run."""
    async with ClientSession(timeout=ClientTimeout(total=_START_SECONDS)) as session:
        while True:
            async with session.get(f"{url}/readyz") as answer:
                if answer.status == 200:
                    break
            await asyncio.sleep(0.05)
        async with session.get(f"{url}/api/health/status") as answer:
            return await answer.text()


async def _start_stand_ins(stack: AsyncExitStack, environment: Mapping[str, str]) -> dict[str, StandIn]:
    processes = {
        name: await stack.enter_async_context(
            child(*PYTHON_MODULE, "pipeline.demo", name, environment=environment, read_output=True)
        )
        for name in STAND_INS
    }
    return {
        name: StandIn((await first_line(process, name, _START_SECONDS)).rpartition(" ")[2], process.pid)
        for name, process in processes.items()
    }


def _variables(stand_ins: Mapping[str, StandIn]) -> dict[str, str]:
    """What points the pipeline and the sidecar at the stand-ins."""
    return {
        variable: stand_in.url + path
        for name, stand_in in stand_ins.items()
        for variable, path in STAND_INS[name].items()
    }
