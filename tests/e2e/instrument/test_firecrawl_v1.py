"""FireCrawl's frozen v1 interface, through the real SDK, against a server of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientError, web
from aiohttp.test_utils import TestServer
from firecrawl import AsyncFirecrawl, AsyncV1FirecrawlApp, Firecrawl, V1FirecrawlApp, V1ScrapeOptions
from requests import HTTPError

from pipeline import BreakerOpenError, BudgetExceededError
from pipeline.instrument import instrument
from pipeline.prices import CEILING_CREDITS_PER_CALL
from tests.e2e.instrument.conftest import Served
from tests.pipeline.limited import Limited

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:firecrawl")

PLAIN = V1ScrapeOptions(formats=["markdown"])
PAGE = {"success": True, "data": {"markdown": "# Hello", "metadata": {"creditsUsed": 2}}}
ANSWERS: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/v1/scrape"): PAGE,
    ("POST", "/v1/search"): {"success": True, "data": [], "creditsUsed": 3, "id": "search-1"},
    ("POST", "/v1/map"): {"success": True, "id": "map-1", "links": ["https://example.com/"]},
    ("POST", "/v1/crawl"): {"success": True, "id": "job-1"},
    ("GET", "/v1/crawl/job-1"): {
        "success": True,
        "status": "completed",
        "total": 1,
        "completed": 1,
        "creditsUsed": 5,
        "expiresAt": "2030-01-01T00:00:00Z",
        "data": [PAGE["data"]],
    },
}


class Server:
    """Says what it is told to, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if self.status != 200:
            return web.json_response({"error": "no"}, status=self.status)
        return web.json_response(ANSWERS[request.method, request.path])


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def served(server: Server) -> AsyncIterator[Served]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    async with TestServer(app) as listening:
        url = str(listening.make_url("")).rstrip("/")
        yield Served("firecrawl", url, failure_threshold=2, call_timeout_seconds=5)


async def test_every_request_of_the_sync_interface_is_guarded_and_pays_credits(
    served: Served, server: Server
) -> None:
    client = instrument(
        Firecrawl(api_key="fc-test", api_url=served.url), served.dependency, usd_per_credit=0.001
    ).v1

    def use() -> None:
        assert client.scrape_url("https://example.com/").markdown == "# Hello"
        assert client.map_url("https://example.com/").links
        assert client.crawl_url("https://example.com/").status == "completed"

    await asyncio.to_thread(use)
    assert server.asked == ["/v1/scrape", "/v1/map", "/v1/crawl", "/v1/crawl/job-1"]
    assert served.calls() == {"success": 4}
    assert served.priced() == {"override": 2, "ceiling": 1}  # a map does not say what it costs
    assert served.cost_usd() == pytest.approx((2 + CEILING_CREDITS_PER_CALL + 5) * 0.001)


async def test_every_request_of_the_async_interface_is_guarded_and_pays_credits(
    served: Served, server: Server
) -> None:
    client = instrument(
        AsyncFirecrawl(api_key="fc-test", api_url=served.url), served.dependency, usd_per_credit=0.001
    ).v1
    assert (await client.scrape_url("https://example.com/")).markdown == "# Hello"
    assert (await client.crawl_url("https://example.com/")).status == "completed"
    assert server.asked == ["/v1/scrape", "/v1/crawl", "/v1/crawl/job-1"]
    assert served.calls() == {"success": 3}
    assert served.priced() == {"override": 2}
    assert served.cost_usd() == pytest.approx(0.007)


async def test_a_sync_client_of_v1_alone_is_guarded_too(served: Served, server: Server) -> None:
    client = instrument(V1FirecrawlApp("fc-test", served.url), served.dependency)
    assert (await asyncio.to_thread(client.search, "parcels")).success
    server.status = 400
    for _ in range(3):
        with pytest.raises(HTTPError):
            await asyncio.to_thread(client.map_url, "https://example.com/")
    server.status = 502
    with pytest.raises(HTTPError):
        await asyncio.to_thread(client.map_url, "https://example.com/")
    with pytest.raises(HTTPError):
        await asyncio.to_thread(client.check_crawl_status, "job-1")
    with pytest.raises(BreakerOpenError):
        await asyncio.to_thread(client.check_crawl_status, "job-1")
    assert server.asked == ["/v1/search"] + 4 * ["/v1/map"] + ["/v1/crawl/job-1"]
    assert served.calls() == {"success": 1, "error": 5, "rejected_breaker": 1}


async def test_an_async_client_of_v1_alone_is_guarded_too(served: Served, server: Server) -> None:
    client = instrument(AsyncV1FirecrawlApp("fc-test", served.url), served.dependency)
    server.status = 400
    for _ in range(3):
        with pytest.raises(ClientError):
            await client.map_url("https://example.com/")
    server.status = 502
    for _ in range(2):
        with pytest.raises(Exception, match="Max retries exceeded"):
            await client.map_url("https://example.com/")
    with pytest.raises(BreakerOpenError):
        await client.map_url("https://example.com/")
    assert server.asked == 5 * ["/v1/map"]
    assert served.judged() == {"success": 3, "failure": 2, "rejected": 1}


@pytest.mark.parametrize(
    ("asked", "is_sent"), [({"limit": 5}, True), ({"limit": 100}, False), ({"scrape_options": PLAIN}, False)]
)
async def test_a_search_holds_its_results_and_what_is_scraped_of_them(
    served: Served, server: Server, asked: dict[str, Any], *, is_sent: bool
) -> None:
    limited = Limited(0.015)
    client = instrument(V1FirecrawlApp("fc-test", served.url), limited.dependency, usd_per_credit=0.001)
    if is_sent:
        assert (await asyncio.to_thread(client.search, "parcels", **asked)).success
    else:
        with pytest.raises(BudgetExceededError):
            await asyncio.to_thread(client.search, "parcels", **asked)
    assert server.asked == ["/v1/search"] * is_sent


async def test_the_parts_of_an_instrumented_client_are_instrumented_already(served: Served) -> None:
    client = instrument(Firecrawl(api_key="fc-test", api_url=served.url), served.dependency)
    for part in (client, client.v1._client, client._v2_client):
        with pytest.raises(ValueError, match="instrumented already"):
            instrument(part, served.dependency)


async def test_without_a_key_for_the_cloud_there_is_no_v1_to_guard(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIRECRAWL_API_KEY", raising=False)
    client = instrument(Firecrawl(), served.dependency)
    with pytest.raises(ValueError, match="No API key"):
        client.v1.scrape_url("https://example.com/")
