from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from pipeline import BreakerOpenError, Dependency, Meter, running_job, running_layer
from pipeline.demo.calls import CALLS
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
from tests.pipeline.providers.asking import MESSAGES, QUESTION, ask, ask_of
from tests.pipeline.providers.serving import (
    CHAT,
    MODELS,
    NOBODY,
    Reply,
    Scripted,
    answer,
    completion,
    message,
    providers_at,
    serving,
    serving_app,
)

THRESHOLD = 5
"""Failures in a row that open a breaker, for one job at a time."""


MODEL = "openai/gpt-4o-mini"
NAMES = pytest.mark.parametrize("name", ["openrouter", "openai", "anthropic"])


@NAMES
async def test_answer_of_every_stand_in_is_counted_token_by_token(name: str) -> None:
    meter = Meter()
    app = create_app(name)
    async with serving_app(app) as url:
        with running_job() as account, running_layer("pain_points"):
            assert "pain_points" in await ask(url, meter, name=name)
    seen = app[CALLS]
    model = MODELS[name]
    counted = {
        type_: meter.counter(PIPELINE_TOKENS, "pain_points", name, model, type_).value
        for type_ in ("input", "output")
    }
    assert counted == {"input": seen.input_tokens, "output": seen.output_tokens}
    assert account.spent_usd == meter.counter(PIPELINE_COST, "pain_points", name, model).value > 0


async def test_anthropic_is_asked_by_its_own_protocol() -> None:
    reply = Scripted(message("{}"))
    async with serving(MESSAGES, reply) as url:
        assert await ask(url, name="anthropic") == "{}"
    assert "anthropic-secret" in str(reply.headers[0])
    assert reply.headers[0]["anthropic-version"]
    assert reply.bodies[0]["max_tokens"] == 500
    assert reply.bodies[0]["messages"] == [{"role": "user", "content": QUESTION.content}]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer('{"error": {"message": "BODY"}}', status=529), "status 529"),
        (answer("BODY{"), "cannot be read"),
        (answer('"BODY"'), "no message"),
        (answer('{"content": "BODY"}'), "no message"),
    ],
)
async def test_anthropics_failure_is_one_line_without_the_body(reply: Reply, reason: str) -> None:
    async with serving(MESSAGES, Scripted(reply)) as url:
        with pytest.raises(ProviderError, match=reason) as raised:
            await ask(url, name="anthropic")
    assert "BODY" not in str(raised.value)


async def test_the_next_model_answers_for_one_that_fails() -> None:
    meter = Meter()
    down, up = Scripted(answer("{}", status=503)), Scripted(message("{}"))
    async with (
        serving(CHAT, down) as first,
        serving(MESSAGES, up) as second,
        providers_at(models={"openrouter": first, "anthropic": second}, meter=meter) as providers,
    ):
        for _ in range(THRESHOLD + 2):
            assert await ask_of(providers) == "{}"
    assert len(up.bodies) == THRESHOLD + 2
    # The breaker is open then: from there on the first is not even asked.
    assert len(down.bodies) == THRESHOLD
    assert meter.counter(PIPELINE_CALLS, "none", "openrouter", "rejected_breaker").value == 2


async def test_the_fallback_stands_in_when_the_last_has_failed() -> None:
    down = Scripted(answer("{}", status=503))
    async with (
        serving(CHAT, down) as first,
        serving(MESSAGES, down) as second,
        providers_at(models={"openrouter": first, "anthropic": second}) as providers,
    ):
        with pytest.raises(ProviderError, match="anthropic: status 503"):
            await ask_of(providers)
    assert len(down.bodies) == 2


async def test_answer_of_the_stand_in_is_counted_to_the_cent() -> None:
    meter = Meter()
    app = create_app("openrouter")
    async with serving_app(app) as url:
        with running_job() as account, running_layer("pain_points"):
            assert "pain_points" in await ask(url, meter)
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
    assert reply.headers[0]["Authorization"] == "Bearer openrouter-secret"
    assert reply.bodies[0]["model"] == MODEL
    assert reply.bodies[0]["messages"] == [{"role": "user", "content": QUESTION.content}]
    assert reply.bodies[0]["max_tokens"] == 500
    assert reply.bodies[0]["response_format"] == {"type": "json_object"}


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


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "status 400: the request is refused; check {}_MODEL"),
        (401, "status 401: the key is refused; check {}_API_KEY"),
        (403, "status 403: access is refused; check {}_API_KEY and what it may use"),
        (404, "status 404: nothing is found there; check {0}_MODEL and {0}_BASE_URL"),
        (422, "status 422"),
    ],
)
@pytest.mark.parametrize(
    ("name", "path"), [("openrouter", CHAT), ("openai", "/v1/chat/completions"), ("anthropic", MESSAGES)]
)
async def test_a_wrong_key_model_or_address_is_told_with_its_variable(
    name: str, path: str, status: int, reason: str
) -> None:
    body = '{"error": {"message": "BODY\\nsecret", "type": "x"}}'
    async with serving(path, Scripted(answer(body, status=status))) as url:
        with pytest.raises(ProviderError) as raised:
            await ask(url, name=name)
    assert (str(raised.value), raised.value.status) == (f"{name}: {reason.format(name.upper())}", status)


@pytest.mark.parametrize("content", [None, ""])
async def test_answer_without_text_is_empty_and_is_paid_for(content: str | None) -> None:
    meter = Meter()
    async with serving(CHAT, Scripted(completion(content, cost=0.5))) as url:
        assert await ask(url, meter) == ""
    assert meter.counter(PIPELINE_COST, "none", "openrouter", MODEL).value == 0.5


@pytest.mark.parametrize(
    "choices",
    [None, "TEXT", [], [None], ["TEXT"], [{"message": None}], [{"message": "TEXT"}], [{"index": 0}]],
    ids=json.dumps,
)
async def test_a_choice_of_another_shape_is_an_answer_without_text(choices: object) -> None:
    body = {"model": MODEL, "choices": choices, "usage": {"prompt_tokens": 1, "cost": 0.5}}
    meter = Meter()
    async with serving(CHAT, Scripted(answer(json.dumps(body)))) as url:
        assert await ask(url, meter) == ""
    assert meter.counter(PIPELINE_COST, "none", "openrouter", MODEL).value == 0.5


@pytest.mark.parametrize(
    "content",
    [None, "TEXT", [], [None], ["TEXT"], [{"type": "text", "text": None}], [{"type": "tool_use"}]],
    ids=json.dumps,
)
async def test_a_part_of_another_shape_is_an_answer_without_text(content: object) -> None:
    body = {"type": "message", "content": content, "usage": {"input_tokens": 1, "output_tokens": 1}}
    async with serving(MESSAGES, Scripted(answer(json.dumps(body)))) as url:
        assert await ask(url, name="anthropic") == ""


async def test_openais_limit_has_the_name_that_its_reasoning_models_take() -> None:
    reply = Scripted(completion("{}"))
    async with serving("/v1/chat/completions", reply) as url:
        await ask(url, name="openai")
    assert reply.bodies[0]["max_completion_tokens"] == 500
    assert "max_tokens" not in reply.bodies[0]


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
        (model,) = providers.language_models.models
        model.dependency = Dependency(  # type: ignore[misc]
            "openrouter", meter=Meter(), call_timeout_seconds=0.02, falls_back_on=lambda _: False
        )
        with pytest.raises(ProviderError, match=r"no answer within 0\.02 s"):
            await ask_of(providers)


async def test_openais_word_for_no_credit_is_402_and_no_outage() -> None:
    spent = '{"error": {"message": "BODY", "type": "insufficient_quota", "code": "insufficient_quota"}}'
    path = "/v1/chat/completions"
    async with (
        serving(path, Scripted(answer(spent, status=429))) as url,
        providers_at(models={"openai": url}) as providers,
    ):
        for _ in range(THRESHOLD + 1):
            with pytest.raises(ProviderError, match=r"^openai: status 429, no credit is left$") as raised:
                await ask_of(providers)
    assert raised.value.status == 402


async def test_open_breaker_sends_nothing() -> None:
    reply = Scripted(answer("{}", status=500))
    async with serving(CHAT, reply) as url, providers_at(openrouter=url) as providers:
        for _ in range(THRESHOLD):
            with pytest.raises(ProviderError):
                await ask_of(providers)
        with pytest.raises(BreakerOpenError):
            await ask_of(providers)
    assert len(reply.bodies) == THRESHOLD
