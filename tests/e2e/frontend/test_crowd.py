"""200 dependencies and 1,000 who listen: still quick, still bounded, still scraped."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from sidecar.events import MAX_CLIENTS
from tests.e2e.conftest import Start
from tests.e2e.frontend.conftest import configuration, new_sidecar
from tests.e2e.servers import Sidecar, StandIn, wait_until

DEPENDENCIES = 200
LISTENERS = 1000
DEAF = 50
"""So many of them never read what they are sent."""

MAX_GROWTH_MIB = 150
MAX_SCRAPE_SECONDS = 3.0


class Listener:
    """Counts the bytes it is sent."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._writer: Any = None
        self._reading: asyncio.Task[None] | None = None
        self.received = 0

    async def connect(self, *, deaf: bool = False) -> str:
        """The status line; who is deaf reads no further."""
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._sidecar.port, limit=2**20)
        self._writer.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status = (await reader.readline()).decode().strip()
        if not deaf:
            self._reading = asyncio.create_task(self._read(reader))
        return status

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(65_536):
            self.received += len(chunk)

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.fixture
async def sidecar(start: Start, tmp_path: Path) -> Sidecar:
    stand_in = await start(StandIn(tmp_path / "stand-in", "pdf_service"))
    rows = "".join(
        f"  d{number}: {{kind: http, url: '{stand_in.url}/health', interval_seconds: 5}}\n"
        for number in range(DEPENDENCIES)
    )
    return await start(new_sidecar(tmp_path / "sidecar", configuration(more=rows)))


async def test_a_crowd_costs_neither_memory_nor_the_scrape(page: Page, sidecar: Sidecar) -> None:
    before_mib = resident_mib(sidecar.pid)
    async with AsyncExitStack() as stack:
        listeners = [Listener(sidecar) for _ in range(LISTENERS)]
        for number, listener in enumerate(listeners):
            stack.push_async_callback(listener.close)
            assert await listener.connect(deaf=number < DEAF) == "HTTP/1.1 200 OK"
        hearing = listeners[DEAF:]

        async def all_have_the_document() -> bool:
            return all(listener.received > 10_000 for listener in hearing)

        await wait_until(all_have_the_document, "every listener has the document")
        had = [listener.received for listener in hearing]

        async def all_hear_of_changes() -> bool:
            return all(listener.received > first for listener, first in zip(hearing, had, strict=True))

        await wait_until(all_hear_of_changes, "every listener hears of changes", timeout_seconds=15)

        began = time.monotonic()
        status, text = await sidecar.get("/metrics")
        scrape_seconds = time.monotonic() - began
        assert status == 200
        assert text.count("\nprobe_success{") == DEPENDENCIES
        assert scrape_seconds < MAX_SCRAPE_SECONDS

        await page.goto(sidecar.url)
        await expect(page.locator("health-badge").get_by_role("button")).to_contain_text("Healthy")
        timing = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        usable_ms = await page.evaluate(timing)
        growth_mib = resident_mib(sidecar.pid) - before_mib
        print(f"{growth_mib=:.1f} {scrape_seconds=:.3f} {usable_ms=:.0f}")  # noqa: T201
        assert usable_ms < 1000
        assert growth_mib < MAX_GROWTH_MIB


async def test_one_too_many_is_told_so(sidecar: Sidecar) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(MAX_CLIENTS):
            listener = Listener(sidecar)
            stack.push_async_callback(listener.close)
            await listener.connect()
        late = Listener(sidecar)
        stack.push_async_callback(late.close)
        assert await late.connect() == "HTTP/1.1 503 Service Unavailable"
        assert (await sidecar.get("/api/health/status"))[0] == 200

    async def there_is_a_place_again() -> bool:
        again = Listener(sidecar)
        status = await again.connect()
        await again.close()
        return status == "HTTP/1.1 200 OK"

    await wait_until(there_is_a_place_again, "those who left are noticed", timeout_seconds=15)
