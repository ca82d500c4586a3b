from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.demo.firecrawl import CREDITS, PLAN_CREDITS
from pipeline.demo.stand_ins import create_app
from tests.pipeline.demo.conftest import CREDENTIALS

if TYPE_CHECKING:
    from tests.pipeline.demo.conftest import Client, Start


async def post(client: Client, path: str, **body: Any) -> dict[str, Any]:
    response = await client.post(path, json=body)
    assert response.status == 200, await response.text()
    answer: dict[str, Any] = await response.json()
    assert answer["success"] is True
    return answer


async def remaining(client: Client) -> int:
    body = await (await client.get("/v2/team/credit-usage")).json()
    credits_left: int = body["data"]["remainingCredits"]
    return credits_left


async def test_a_search_finds_pages_about_the_query(start: Start) -> None:
    answer = await post(await start("firecrawl"), "/v2/search", query="Nordlink Parcel", limit=3)
    results = answer["data"]["web"]
    assert [result["position"] for result in results] == [1, 2, 3]
    assert all("Nordlink Parcel" in result["title"] for result in results)
    assert all(result["url"].endswith(".example/nordlink-parcel") for result in results)
    assert "markdown" not in results[0]
    assert answer["creditsUsed"] == 2
    assert isinstance(answer["id"], str)


async def test_a_search_that_scrapes_costs_a_credit_more_per_page(start: Start) -> None:
    answer = await post(
        await start("firecrawl"),
        "/v2/search",
        query="x",
        limit=2,
        scrapeOptions={"formats": ["markdown", {"type": "links"}]},
    )
    assert answer["creditsUsed"] == 2 + 2
    assert {"markdown", "links", "metadata"} <= set(answer["data"]["web"][0])


async def test_a_scrape_returns_the_formats_asked_for(start: Start) -> None:
    client = await start("firecrawl")
    data = (await post(client, "/v2/scrape", url="https://a.example/jobs"))["data"]
    assert set(data) == {"markdown", "metadata"}
    assert data["metadata"]["sourceURL"] == "https://a.example/jobs"
    assert (data["metadata"]["statusCode"], data["metadata"]["creditsUsed"]) == (200, 1)
    data = (await post(client, "/v2/scrape", url="https://a.example", formats=["html"]))["data"]
    assert set(data) == {"html", "metadata"}


async def test_credits_go_down_with_calls_and_not_with_refusals(start: Start) -> None:
    client = await start("firecrawl")
    await post(client, "/v2/search", query="x")
    await post(client, "/v2/scrape", url="https://a.example")
    await client.post("/v2/scrape", json={"url": "ftp://a.example"})
    assert await remaining(client) == PLAN_CREDITS - 3


async def test_without_credits_the_answer_is_402_and_nothing_is_taken(aiohttp_client: Any) -> None:
    app = create_app("firecrawl")
    app[CREDITS].remaining = 1
    client = await aiohttp_client(app, headers=CREDENTIALS)
    response = await client.post("/v2/search", json={"query": "x"})
    assert response.status == 402
    assert await response.json() == {"success": False, "error": "insufficient credits: 2 needed, 1 left"}
    assert await remaining(client) == 1


async def test_the_billing_period_is_the_present_month(start: Start) -> None:
    body = await (await (await start("firecrawl")).get("/v2/team/credit-usage")).json()
    start_of_period, end_of_period = (
        datetime.fromisoformat(body["data"][key]) for key in ("billingPeriodStart", "billingPeriodEnd")
    )
    assert start_of_period.day == end_of_period.day == 1
    assert 28 <= (end_of_period - start_of_period).days <= 31


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/search", {}),
        ("/v2/search", {"query": "x", "limit": 0}),
        ("/v2/search", {"query": "x", "scrapeOptions": {"formats": "markdown"}}),
        ("/v2/scrape", {"url": "file:///etc/passwd"}),
        ("/v2/scrape", {"url": "http://[broken"}),
    ],
)
async def test_a_bad_request_is_said_to_be_one(start: Start, path: str, body: dict[str, Any]) -> None:
    response = await (await start("firecrawl")).post(path, json=body)
    answer = await response.json()
    assert (response.status, answer["success"], answer["code"]) == (400, False, "BAD_REQUEST")


async def test_a_search_for_people_finds_the_same_two_of_a_company_each_time(start: Start) -> None:
    client = await start("firecrawl")
    query = '"Nordlink Parcel" hiring manager or recruiter'
    first = (await post(client, "/v2/search", query=query))["data"]["web"]
    assert (await post(client, "/v2/search", query=query))["data"]["web"] == first
    named = [result["title"] for result in first if result["url"].startswith("https://people-")]
    assert len(named) == 2
    assert all(title.endswith(" - Nordlink Parcel") for title in named)
