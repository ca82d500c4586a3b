"""What FireCrawl's answers cost, and what a budget holds for its requests."""

from __future__ import annotations

import pytest

from pipeline.instrument.charged_once import ChargedJobs
from pipeline.instrument.credits import Credits
from pipeline.metrics import PriceSource
from pipeline.prices import CEILING_CREDITS_PER_CALL, CEILING_USD_PER_CREDIT


def credits_at(usd_per_credit: float | None) -> Credits:
    return Credits(usd_per_credit, ChargedJobs())


class Answer:
    def __init__(self, body: object) -> None:
        self.body = body

    def json(self) -> object:
        if self.body is None:
            raise ValueError("no JSON")
        return self.body


@pytest.mark.parametrize(
    ("endpoint", "body", "credits_used"),
    [
        ("/v2/search", {"success": True, "data": {"web": []}, "creditsUsed": 4, "id": "0199-a"}, 4),
        ("/v1/search", {"success": True, "data": [], "id": "0199-b"}, CEILING_CREDITS_PER_CALL),
        ("/v2/scrape", {"data": {"metadata": {"creditsUsed": 1}}}, 1),
        ("/v2/scrape", {"data": {"metadata": {"creditsUsed": -1}}}, CEILING_CREDITS_PER_CALL),
        ("/v2/map", {"success": True, "id": "0199-c", "links": []}, CEILING_CREDITS_PER_CALL),
        ("/v1/extract", {"success": True, "data": {}}, CEILING_CREDITS_PER_CALL),
        ("/v2/scrape", None, CEILING_CREDITS_PER_CALL),
    ],
)
def test_firecrawl_is_paid_by_the_credits_it_states(endpoint: str, body: object, credits_used: int) -> None:
    charge = credits_at(None).price_of("post", endpoint)(Answer(body))
    assert charge is not None
    assert charge.usd == pytest.approx(credits_used * CEILING_USD_PER_CREDIT)
    assert charge.source is PriceSource.CEILING


@pytest.mark.parametrize("endpoint", ["/v2/crawl", "/v2/batch/scrape", "/v2/extract", "/v2/agent"])
def test_what_begins_a_firecrawl_job_costs_nothing_yet(endpoint: str) -> None:
    assert credits_at(0.001).price_of("post", endpoint)(Answer({"success": True, "id": "j1"})) is None


def test_firecrawl_job_is_paid_once_when_it_is_complete() -> None:
    price = credits_at(0.001)
    assert price.price_of("post", "/v2/crawl")(Answer({"id": "j1"})) is None
    status = price.price_of("get", "/v2/crawl/j1")
    assert status(Answer({"status": "scraping", "creditsUsed": 3})) is None
    done = status(Answer({"status": "completed", "creditsUsed": 12}))
    assert done is not None
    assert (done.usd, done.source, done.model) == (0.012, PriceSource.OVERRIDE, "crawl")
    again = price.price_of("get", "https://api.firecrawl.dev/v2/crawl/j1?skip=10")
    assert again(Answer({"status": "completed", "creditsUsed": 12})) is None


@pytest.mark.parametrize(
    ("method", "endpoint", "body", "most_usd"),
    [
        ("post", "/v2/scrape", {}, CEILING_CREDITS_PER_CALL * 0.001),
        ("POST", "https://api.firecrawl.dev/v1/search", {}, CEILING_CREDITS_PER_CALL * 0.001),
        ("post", "/v2/search", {"query": "x", "limit": 100}, 0.020),
        ("post", "/v2/search", {"limit": 95, "sources": [{"type": "web"}, {"type": "news"}]}, 0.038),
        ("post", "/v2/search", {"limit": 100, "scrapeOptions": {"formats": ["markdown"]}}, 1.02),
        ("post", "/v2/search", {"limit": 10**400, "sources": [], "enterprise": False}, 200.0),
        ("post", "/v2/search", {"limit": "many", "sources": "web"}, CEILING_CREDITS_PER_CALL * 0.001),
        ("post", "/v2/extract", {"urls": ["a", "b", "c"], "prompt": "find"}, 0.03),
        ("post", "/v2/crawl", {"url": "u", "limit": 500, "zeroDataRetention": True}, 5.0),
        ("post", "/v2/crawl", {"url": "https://example.com/", "limit": 500}, 0.5),
        ("post", "/v2/crawl", {"url": "u", "limit": 500, "scrapeOptions": {"proxy": "stealth"}}, 5.0),
        ("post", "/v2/crawl", {"url": "https://example.com/"}, 1.0),
        ("post", "/v2/crawl", {"limit": "many"}, 1.0),
        ("post", "/v2/batch/scrape", {"urls": ["a", "b", "c"]}, 0.03),
        ("post", "/v2/agent", {"prompt": "find", "maxCredits": 70}, 0.07),
        ("post", "/v2/crawl/params-preview", {}, 0.0),
        ("get", "/v2/team/credit-usage", None, 0.0),
        ("get", "/v2/crawl/j1", None, 0.0),
        ("delete", "/v2/crawl/j1", None, 0.0),
    ],
)
def test_a_firecrawl_request_holds_the_most_that_it_can_cost(
    method: str, endpoint: str, body: object, most_usd: float
) -> None:
    assert credits_at(0.001).most_usd(method, endpoint, body) == pytest.approx(most_usd)


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_a_firecrawl_job_is_paid_however_it_ended(status: str) -> None:
    price = credits_at(0.001).price_of("get", "/v2/batch/scrape/j1")
    charge = price(Answer({"status": status, "creditsUsed": 480}))
    assert charge is not None
    assert charge.usd == pytest.approx(0.48)
    assert price(Answer({"status": status, "creditsUsed": 480})) is None


def test_a_firecrawl_job_that_failed_and_a_refusal_state_no_cost() -> None:
    assert credits_at(0.001).price_of("get", "/v2/crawl/j1")(Answer({"status": "failed"})) is None
    assert credits_at(0.001).price_of("post", "/v2/scrape")(Answer({"success": False, "error": "no"})) is None
