"""A panel without data is a lie: every query of every panel is asked of a real Prometheus."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.conftest import Start
from tests.e2e.dashboards.asking import has_data, has_values, queries, variables
from tests.e2e.dashboards.fast_prometheus import fast_prometheus
from tests.e2e.dashboards.test_panels_beyond_the_demo import CERTIFICATES
from tests.e2e.servers import Demo

RANGE_SECONDS = 120

FILLED_BY_ANOTHER_TEST = {
    CERTIFICATES: "the demo's stand-ins speak no TLS",
}

LIMITS = {
    "TOKEN_BUDGET_USD": "100",
    "TOKEN_BUDGET_PERIOD": "day",
    "FIRECRAWL_DAILY_LIMIT": "600",
    "OPENROUTER_RATE_LIMIT_PER_MIN": "1000",
}

FAULTS: tuple[tuple[float, str, dict[str, Any]], ...] = (
    # seconds after the start, stand-in, fault
    # A provider that says when to come again makes the calls after it wait for a permit.
    (10, "openrouter", {"mode": "rate_limit", "retry_after_seconds": 3, "remaining": 3}),
    (30, "openrouter", {"mode": "fail", "status": 500}),
    (30, "firecrawl", {"mode": "rate_limit"}),
    (30, "anthropic", {"mode": "slow", "delay_seconds": 1.5}),
    (70, "openrouter", {"mode": "none"}),
    (75, "pdf_service", {"mode": "fail", "status": 503}),
    (100, "pdf_service", {"mode": "none"}),
    (105, "openrouter", {"mode": "hang"}),
)


async def misbehave(demo: Demo, stand_in: str, fault: dict[str, Any]) -> None:
    url = re.search(rf"^  {stand_in} +(http://\S+),", demo.output(), re.MULTILINE)
    assert url is not None, demo.output()
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"{url[1]}/_fault", json=fault) as answer,
    ):
        assert answer.status == 200, await answer.text()


async def test_every_query_of_every_panel_returns_data(start: Start, tmp_path: Path) -> None:
    demo = await start(Demo(tmp_path / "demo", variables=LIMITS))
    prometheus = await start(fast_prometheus(tmp_path / "prometheus", demo.port))
    loop = asyncio.get_running_loop()
    began = loop.time()
    for seconds, stand_in, fault in FAULTS:
        await asyncio.sleep(began + seconds - loop.time())
        await misbehave(demo, stand_in, fault)
    await asyncio.sleep(began + RANGE_SECONDS - loop.time())

    empty = [asked for asked in queries() if not await has_data(prometheus, asked, RANGE_SECONDS)]
    surprising = [asked for asked in empty if (asked.board, asked.panel) not in FILLED_BY_ANOTHER_TEST]
    assert surprising == [], "\n".join(f"{asked}: {asked.expression}" for asked in surprising)
    no_longer_empty = {*FILLED_BY_ANOTHER_TEST} - {(asked.board, asked.panel) for asked in empty}
    assert no_longer_empty == set(), "take it off the list"
    without_values = [one for one in variables() if not await has_values(prometheus, one)]
    assert without_values == []
