"""The whole command, through real sockets to the stand-ins."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from pipeline.demo.stand_ins import create_app

EXAMPLES = Path(__file__).parents[3] / "examples" / "postings"
POSTING = "# Cook at Old Inn\n\nThe kitchen burns down every night.\n"


@dataclass(frozen=True)
class StandIns:
    """Both providers, in a loop and thread of their own: `main` needs the main thread."""

    openrouter: str
    pdf_service: str
    arrived: threading.Semaphore

    def signal_after(self, requests: int, number: int) -> None:
        """Send this process a signal as soon as so many more requests have come to the model."""
        while self.arrived.acquire(blocking=False):
            pass

        def wait_and_send() -> None:
            if all(self.arrived.acquire(timeout=5) for _ in range(requests)):
                os.kill(os.getpid(), number)

        threading.Thread(target=wait_and_send, daemon=True).start()

    def fault(self, **fault: object) -> None:
        self._ask("PUT", "/_fault", json.dumps(fault).encode())

    def heal(self) -> None:
        self._ask("DELETE", "/_fault")

    def cost_usd(self) -> float:
        cost: float = json.loads(self._ask("GET", "/_calls"))["cost_usd"]
        return cost

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.openrouter + path, body, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            content: bytes = response.read()
        return content


@pytest.fixture(scope="module")
def served() -> Iterator[StandIns]:
    loop = asyncio.new_event_loop()
    runners: list[web.AppRunner] = []
    arrived = threading.Semaphore(0)

    @web.middleware
    async def notice(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith("/chat/completions"):
            arrived.release()
        return await handler(request)

    async def start(name: str) -> str:
        app = create_app(name)
        app.middlewares.insert(0, notice)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def in_loop(name: str) -> str:
        return asyncio.run_coroutine_threadsafe(start(name), loop).result(5)

    yield StandIns(in_loop("openrouter"), in_loop("pdf_service"), arrived)
    for runner in runners:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@pytest.fixture
def stand_ins(served: StandIns, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIns]:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-SECRET")
    monkeypatch.setenv("OPENROUTER_BASE_URL", f"{served.openrouter}/api/v1")
    monkeypatch.setenv("PDF_SERVICE_URL", served.pdf_service)
    monkeypatch.setenv("CANDIDATE_CV", str(EXAMPLES.parent / "cv.md"))
    monkeypatch.delenv("SIDECAR_SPOOL", raising=False)
    monkeypatch.chdir(tmp_path)
    yield served
    served.heal()


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.getLogger("pipeline").setLevel(logging.NOTSET)
    structlog.reset_defaults()


def posting(name: str = "cook.md", text: str = POSTING) -> str:
    Path(name).write_text(text)
    return name
