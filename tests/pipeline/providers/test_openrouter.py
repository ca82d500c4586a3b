from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from pipeline import BreakerOpenError, Dependency, Meter, running_job, running_layer
from pipeline.demo.stand_ins import create_app
from pipeline.metrics import (
    PIPELINE_CALLS,
    PIPELINE_COST,
    PIPELINE_PRICED_CALLS,
    PIPELINE_TOKENS,
    PriceSource,
)
from pipeline.prices import CEILING_USD_PER_CALL
from pipeline.providers import ProviderError
from tests.pipeline.providers.serving import (
    CHAT,
    NOBODY,
    Reply,
    Scripted,
    answer,
    completion,
    providers_at,
    serving,
    serving_app,
)

QUESTION = {"role": "user", "content": "What are the pain_points?"}
MODEL = "openai/gpt-4o-mini"


async def ask(url: str, meter: Meter | None = None) -> str:
    async with providers_at(openrouter=url, meter=meter) as providers:
        return await providers.openrouter.ask_for_json([QUESTION])  # type: ignore[list-item]


async def test_answer_of_the_stand_in_is_counted_to_the_cent() -> None:
    meter = Meter()
    app = create_app("openrouter")
    async with serving_app(app) as url:
        with running_job() as account, running_layer("pain_points"):
            assert "pain_points" in await ask(url, meter)
    from pipeline.demo.calls import CALLS

    seen = app[CALLS]
    labels = ("pain_points", "openrouter", MODEL)
    assert account.spent_usd == pytest.approx(seen.cost_usd, abs=1e-12)
    assert meter.counter(PIPELINE_COST, *labels).value == pytest.approx(seen.cost_usd, abs=1e-12)
    assert meter.counter(PIPELINE_TOKENS, *labels, "input").value == seen.input_tokens
    assert meter.counter(PIPELINE_TOKENS, *labels, "output").value == seen.output_tokens
    assert meter.counter(PIPELINE_PRICED_CALLS, "openrouter", "reported").value == 1


async def test_reported_cost_is_charged() -> None:
    meter = Meter()
    async with serving(CHAT, Scripted(completion("{}", cost=0.0125))) as url:
        assert await ask(url, meter) == "{}"
    assert meter.counter(PIPELINE_COST, "none", "openrouter", MODEL).value == 0.0125


async def test_every_source_of_prices_exists_before_the_first_call() -> None:
    meter = Meter()
    async with providers_at(meter=meter):
        counted = {
            sample.labels["source"]: sample.value
            for family in meter.collect()
            if family.name == PIPELINE_PRICED_CALLS.family
            for sample in family.samples
        }
    assert counted == {source.value: 0 for source in PriceSource}


async def test_request_carries_the_key_and_asks_for_json() -> None:
    reply = Scripted(completion("{}"))
    async with serving(CHAT, reply) as url:
        await ask(url)
    assert reply.headers[0]["Authorization"] == "Bearer sk-or-secret"
    assert reply.bodies[0]["model"] == MODEL
    assert reply.bodies[0]["messages"] == [QUESTION]
    assert reply.bodies[0]["response_format"] == {"type": "json_object"}


async def test_another_providers_credentials_are_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "openai-secret")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "openai-secret")
    monkeypatch.setenv("OPENAI_ORG_ID", "openai-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "openai-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", NOBODY)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "authorization: Bearer openai-secret")
    reply = Scripted(completion("{}"))
    async with serving(CHAT, reply) as url:
        await ask(url)
    assert reply.headers[0]["Authorization"] == "Bearer sk-or-secret"
    assert "openai-secret" not in str(reply.headers)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer('{"error": {"message": "BODY"}}', status=402), "status 402"),
        (answer("BODY", status=500, content_type="text/html"), "status 500"),
        (answer("BODY", content_type="text/html"), "no chat completion"),
        (answer("BODY{"), "cannot be read"),
        (answer('"BODY"'), "no chat completion"),
        (answer('{"error": {"message": "BODY", "code": 502}}'), "no chat completion"),
        (answer('{"choices": "BODY"}'), "no chat completion"),
    ],
)
async def test_failure_is_one_line_without_the_body_and_counts_as_an_error(reply: Reply, reason: str) -> None:
    meter = Meter()
    async with serving(CHAT, Scripted(reply)) as url:
        with pytest.raises(ProviderError, match=reason) as raised:
            await ask(url, meter)
    assert "BODY" not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert meter.counter(PIPELINE_CALLS, "none", "openrouter", "error").value == 1


@pytest.mark.parametrize("content", [None, "", "  "])
async def test_answer_without_text_fails_and_is_paid_for(content: str | None) -> None:
    meter = Meter()
    async with serving(CHAT, Scripted(completion(content, cost=0.5))) as url:
        with pytest.raises(ProviderError, match="no text"):
            await ask(url, meter)
    assert meter.counter(PIPELINE_COST, "none", "openrouter", MODEL).value == 0.5


async def test_strange_usage_never_loses_a_paid_answer() -> None:
    meter = Meter()
    usage = {"prompt_tokens": "many", "cost": "much", "prompt_tokens_details": []}
    async with serving(CHAT, Scripted(completion("{}", **usage))) as url:
        assert await ask(url, meter) == "{}"
    assert 0 < meter.counter(PIPELINE_COST, "none", "openrouter", MODEL).value <= CEILING_USD_PER_CALL


async def test_failed_call_is_not_sent_again() -> None:
    reply = Scripted(answer("{}", status=429))
    async with serving(CHAT, reply) as url:
        with pytest.raises(ProviderError, match="status 429"):
            await ask(url)
    assert len(reply.bodies) == 1


async def test_redirect_is_not_followed() -> None:
    redirect = Scripted(lambda: web.Response(status=307, headers={"Location": NOBODY}))
    async with serving(CHAT, redirect) as url:
        with pytest.raises(ProviderError, match="status 307"):
            await ask(url)


async def test_nobody_there_is_no_connection() -> None:
    with pytest.raises(ProviderError, match="no connection"):
        await ask(NOBODY)


async def test_silence_ends_at_the_guards_timeout() -> None:
    async def hang(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.Response()

    app = web.Application()
    app.router.add_post(CHAT, hang)
    async with serving_app(app) as url, providers_at(openrouter=url) as providers:
        providers.openrouter.dependency = Dependency("openrouter", meter=Meter(), call_timeout_seconds=0.02)
        with pytest.raises(ProviderError, match=r"no answer within 0\.02 s"):
            await providers.openrouter.ask_for_json([QUESTION])  # type: ignore[list-item]


async def test_open_breaker_sends_nothing() -> None:
    reply = Scripted(answer("{}", status=500))
    async with serving(CHAT, reply) as url, providers_at(openrouter=url) as providers:
        for _ in range(5):
            with pytest.raises(ProviderError):
                await providers.openrouter.ask_for_json([QUESTION])  # type: ignore[list-item]
        with pytest.raises(BreakerOpenError):
            await providers.openrouter.ask_for_json([QUESTION])  # type: ignore[list-item]
    assert len(reply.bodies) == 5
