"""The real FireCrawl SDK against the stand-in, over sockets."""

from __future__ import annotations

import asyncio

import pytest
from firecrawl import AsyncFirecrawl, Firecrawl
from firecrawl.v2.utils.error_handler import BadRequestError, InternalServerError

from pipeline import BreakerOpenError
from pipeline.instrument import instrument
from pipeline.prices import CEILING_USD_PER_CREDIT
from tests.e2e.instrument.conftest import Serve, Served


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve("firecrawl", failure_threshold=2, call_timeout_seconds=5)


async def test_async_client_is_guarded_and_pays_credits(served: Served) -> None:
    client = instrument(
        AsyncFirecrawl(api_key="fc-test", api_url=served.url), served.dependency, usd_per_credit=0.001
    )
    assert await client.search("parcels", limit=3)
    assert await client.scrape("https://example.com/page")
    assert served.calls() == {"success": 2}
    assert served.priced() == {"override": 2}
    assert served.cost_usd() == pytest.approx(0.003)  # two for the search, one for the page


async def test_sync_client_pays_the_dearest_plan_where_none_is_given(served: Served) -> None:
    client = instrument(Firecrawl(api_key="fc-test", api_url=served.url), served.dependency)
    await asyncio.to_thread(client.scrape, "https://example.com/page")
    assert served.calls() == {"success": 1}
    assert served.priced() == {"ceiling": 1}
    assert served.cost_usd() == CEILING_USD_PER_CREDIT


async def test_failures_open_the_breaker_and_keep_the_sdks_errors(served: Served) -> None:
    client = instrument(Firecrawl(api_key="fc-test", api_url=served.url), served.dependency)
    with pytest.raises(BadRequestError):
        await asyncio.to_thread(client.scrape, "ftp://example.com")
    await served.misbehave(mode="fail", status=500)
    for _ in range(2):
        with pytest.raises(InternalServerError):
            await asyncio.to_thread(client.scrape, "https://example.com")
    with pytest.raises(BreakerOpenError):
        await asyncio.to_thread(client.scrape, "https://example.com")
    assert served.calls() == {"error": 3, "rejected_breaker": 1}


async def test_sdks_own_retries_are_off(served: Served) -> None:
    client = instrument(AsyncFirecrawl(api_key="fc-test", api_url=served.url), served.dependency)
    await served.misbehave(mode="fail", status=502)
    with pytest.raises(Exception, match="502"):
        await client.scrape("https://example.com")
    assert await served.requests() == {"POST /v2/scrape": {"502": 1}}


async def test_free_request_costs_nothing(served: Served) -> None:
    client = instrument(Firecrawl(api_key="fc-test", api_url=served.url), served.dependency)
    await asyncio.to_thread(client.get_credit_usage)
    assert served.calls() == {"success": 1}
    assert served.priced() == {}
