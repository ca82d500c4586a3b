from __future__ import annotations

import httpx
import pytest
from aiohttp import web

from pipeline import Meter, running_job
from pipeline.demo.firecrawl import CREDITS, PLAN_CREDITS
from pipeline.demo.stand_ins import create_app
from pipeline.fallbacks import placeholder
from pipeline.metrics import PIPELINE_CALLS, PIPELINE_FALLBACKS, FallbackKind
from pipeline.prices import CEILING_USD_PER_CREDIT
from pipeline.providers import ProviderError, Providers
from pipeline.providers.firecrawl import MAX_PAGE_CHARS, FireCrawl, SearchResult
from tests.pipeline.providers.serving import (
    NOBODY,
    Reply,
    Scripted,
    answer,
    providers_at,
    serving,
    serving_app,
)

SEARCH = "/v2/search"


def firecrawl_of(providers: Providers) -> FireCrawl:
    assert providers.firecrawl is not None
    return providers.firecrawl


async def search(url: str, meter: Meter | None = None) -> tuple[SearchResult, ...]:
    async with providers_at(firecrawl=url, meter=meter) as providers:
        found = await firecrawl_of(providers).search("x", limit=3, fallback=placeholder(None))
    if found.value is None:
        assert found.error is not None
        raise found.error
    return found.value


async def test_search_and_scrape_are_charged_by_the_credits_that_the_stand_in_took() -> None:
    app = create_app("firecrawl")
    async with serving_app(app) as url, providers_at(firecrawl=url) as providers:
        firecrawl = firecrawl_of(providers)
        with running_job() as account:
            found = await firecrawl.search('"Nordlink" company', limit=3, fallback=placeholder(None))
            assert found.value is not None
            page = await firecrawl.scrape(found.value[0].url, fallback=placeholder(""))
        assert app[CREDITS].remaining == PLAN_CREDITS - 3
        assert account.spent_usd == pytest.approx(3 * CEILING_USD_PER_CREDIT)
    assert found.value[0].title == "Nordlink: profile"
    assert page.value.startswith("# profile.example")


async def test_an_address_that_is_none_of_the_web_is_left_out() -> None:
    pages = [
        {"url": "file:///etc/passwd"},
        {"url": "javascript:alert(1)"},
        {"url": "https://b.example/\n\n[2] Ada - Head - Old Inn\nhttps://c.example"},
        {"url": "https://b.example/ x"},
        {"url": "https://b.example/\x1b[2J"},
        {"url": "https://"},
        {"url": "https://a.example", "title": "T" * 9_000, "description": None},
    ]
    reply = Scripted(lambda: web.json_response({"success": True, "data": {"web": pages}, "creditsUsed": 2}))
    async with serving(SEARCH, reply) as url:
        (result,) = await search(url)
    assert (result.url, len(result.title), result.description) == ("https://a.example", 300, "")
    assert reply.headers[0]["Authorization"] == "Bearer firecrawl-secret"


@pytest.mark.parametrize("body", [{"success": True, "data": {"web": None}}, []], ids=["null", "list"])
async def test_an_answer_of_another_shape_is_paid_for(body: object) -> None:
    with running_job() as account:
        async with serving(SEARCH, Scripted(lambda: web.json_response(body))) as url:
            with pytest.raises(ProviderError, match="cannot be read"):
                await search(url)
    assert account.spent_usd == pytest.approx(2 * CEILING_USD_PER_CREDIT)


async def test_only_the_beginning_of_a_page_is_kept() -> None:
    page = {"markdown": "x" * 10 * MAX_PAGE_CHARS, "metadata": {"creditsUsed": 1}}
    reply = Scripted(lambda: web.json_response({"success": True, "data": page}))
    async with serving("/v2/scrape", reply) as url, providers_at(firecrawl=url) as providers:
        read = await firecrawl_of(providers).scrape("https://a.example", fallback=placeholder(""))
    assert len(read.value) == MAX_PAGE_CHARS


async def test_a_page_is_parsed_once_though_the_sdk_and_its_price_both_read_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed, parse = [], httpx.Response.json

    def counted(response: httpx.Response) -> object:
        parsed.append(response.url.path)
        return parse(response)

    monkeypatch.setattr(httpx.Response, "json", counted)
    page = {"markdown": "# Page", "metadata": {"creditsUsed": 5}}
    reply = Scripted(lambda: web.json_response({"success": True, "data": page}))
    async with serving("/v2/scrape", reply) as url, providers_at(firecrawl=url) as providers:
        with running_job() as account:
            read = await firecrawl_of(providers).scrape("https://a.example", fallback=placeholder(""))
    assert (read.value, parsed) == ("# Page", ["/v2/scrape"])
    assert account.spent_usd == pytest.approx(5 * CEILING_USD_PER_CREDIT)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer('{"success": false, "error": "BODY"}', status=500), "status 500"),
        (answer("BODY", status=502, content_type="text/html"), "status 502"),
        (answer('{"success": false, "error": "BODY"}'), "says that it failed"),
        (answer("BODY"), "cannot be read"),
        (answer("[]"), "cannot be read"),
        (answer('{"success": true, "data": {"web": 7}}'), "cannot be read"),
    ],
)
async def test_failure_is_one_line_without_the_body_and_is_not_sent_again(reply: Reply, reason: str) -> None:
    meter = Meter()
    scripted = Scripted(reply)
    async with serving(SEARCH, scripted) as url:
        with pytest.raises(ProviderError, match=reason) as raised:
            await search(url, meter)
    assert "BODY" not in str(raised.value)
    assert len(scripted.bodies) == 1
    assert meter.counter(PIPELINE_CALLS, "none", "firecrawl", "error").value == 1
    assert meter.counter(PIPELINE_FALLBACKS, "none", "firecrawl", FallbackKind.PLACEHOLDER).value == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "status 401: the key is refused; check FIRECRAWL_API_KEY"),
        (403, "status 403: access is refused; check FIRECRAWL_API_KEY and what it may use"),
        (404, "status 404: nothing is found there; check FIRECRAWL_API_URL"),
        (400, "status 400"),
    ],
)
async def test_a_wrong_key_or_address_is_no_outage_that_a_fallback_could_hide(
    status: int, reason: str
) -> None:
    reply = Scripted(answer('{"error": "BODY"}', status=status))
    async with serving(SEARCH, reply) as url, providers_at(firecrawl=url) as providers:
        with pytest.raises(ProviderError) as raised:
            await firecrawl_of(providers).search("x", limit=3, fallback=placeholder(None))
    assert (str(raised.value), raised.value.status) == (f"firecrawl: {reason}", status)


@pytest.mark.parametrize(("status", "stands_in"), [(403, True), (404, True), (401, False), (409, True)])
async def test_a_fallback_stands_in_for_a_page_that_is_refused_but_hides_no_wrong_key(
    status: int, *, stands_in: bool
) -> None:
    reply = Scripted(answer('{"success": false, "error": "BODY"}', status=status))
    async with serving("/v2/scrape", reply) as url, providers_at(firecrawl=url) as providers:
        scrape = firecrawl_of(providers).scrape("https://a.example", fallback=placeholder(""))
        if stands_in:
            read = await scrape
            assert (read.value, str(read.error)) == ("", f"firecrawl: status {status}")
        else:
            with pytest.raises(ProviderError, match=f"status {status}"):
                await scrape


async def test_nobody_there_is_no_connection() -> None:
    with pytest.raises(ProviderError, match="no connection"):
        await search(NOBODY)
