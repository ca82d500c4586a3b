"""What the SDKs' answers cost, in the shapes of the providers' API references."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.instrument.anthropic import _Anthropic
from pipeline.instrument.credits import Credits
from pipeline.instrument.openai import _OpenAI
from pipeline.metrics import PriceSource, TokenType
from pipeline.prices import CEILING_CREDITS_PER_CALL, CEILING_USD_PER_CALL, CEILING_USD_PER_CREDIT, Prices

LISTED = Prices()
OPENAI = _OpenAI("openai", LISTED)


class Answer:
    def __init__(self, body: object) -> None:
        self.body = body

    def json(self) -> object:
        if self.body is None:
            raise ValueError("no JSON")
        return self.body


def test_cached_and_reasoning_tokens_of_a_response_are_disjoint() -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 30},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
    }
    charge = OPENAI.price("/responses", {"model": "gpt-4o-mini"}, {"model": "gpt-4o-mini", "usage": usage})
    assert charge is not None
    assert charge.source is PriceSource.TABLE
    assert charge.tokens == {
        TokenType.INPUT: 70,
        TokenType.CACHE_READ: 30,
        TokenType.OUTPUT: 30,
        TokenType.REASONING: 20,
    }


def test_cache_tokens_of_a_message_stand_beside_its_input() -> None:
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 1000,
        "cache_creation_input_tokens": 200,
        "output_tokens": 5,
    }
    answer = {"model": "claude-haiku-4-5", "usage": usage}
    charge = _Anthropic(LISTED).price("/v1/messages", {}, answer)
    assert charge is not None
    assert charge.source is PriceSource.TABLE
    assert charge.tokens == {
        TokenType.INPUT: 10,
        TokenType.CACHE_READ: 1000,
        TokenType.CACHE_WRITE: 200,
        TokenType.OUTPUT: 5,
    }


@pytest.mark.parametrize("answer", [{}, {"usage": None}, {"usage": {"prompt_tokens": -1}}, {"usage": "many"}])
def test_paid_answer_without_usage_costs_the_ceiling(answer: dict[str, Any]) -> None:
    charge = OPENAI.price("/chat/completions", {"model": "gpt-4o-mini"}, answer)
    assert charge is not None
    assert (charge.usd, charge.source) == (CEILING_USD_PER_CALL, PriceSource.CEILING)
    assert charge.model == "gpt-4o-mini"


def test_embeddings_and_images_are_paid_and_lists_are_free() -> None:
    embedded = {"model": "text-embedding-3-small", "usage": {"prompt_tokens": 8, "total_tokens": 8}}
    charge = OPENAI.price("/embeddings", {}, embedded)
    assert charge is not None
    assert charge.source is PriceSource.TABLE
    image = OPENAI.price("/images/generations", {"model": "gpt-image-1"}, {})
    assert image is not None
    assert image.source is PriceSource.CEILING
    assert OPENAI.price("/models", {}, {}) is None
    assert _Anthropic(LISTED).price("/v1/messages/count_tokens", {}, {"input_tokens": 3}) is None


def test_streamed_response_states_its_usage_in_its_last_event() -> None:
    usage = OPENAI.usage("/responses", {"model": "gpt-4o-mini"})
    usage.see(SimpleNamespace(type="response.output_text.delta", delta="Well"))
    final = {"model": "gpt-4o-mini", "usage": {"input_tokens": 10, "output_tokens": 2}}
    response = SimpleNamespace(usage=object(), model_dump=lambda **_: final)
    usage.see(SimpleNamespace(type="response.completed", response=response))
    charge = usage.charge()
    assert charge is not None
    assert charge.tokens[TokenType.OUTPUT] == 2


@pytest.mark.parametrize(
    "given", [{"stream_options": {"include_usage": False}}, {"stream_options": None}, {}]
)
def test_stream_is_asked_for_its_usage_unless_the_caller_spoke_of_it(given: dict[str, Any]) -> None:
    options = SimpleNamespace(url="/chat/completions", json_data={"model": "m", **given})
    OPENAI.prepare(options, stream=True)
    caller_spoke = given.get("stream_options") is not None
    assert options.json_data["stream_options"]["include_usage"] is not caller_spoke


def test_request_that_is_no_stream_stays_as_it_is() -> None:
    options = SimpleNamespace(url="/chat/completions", json_data={"model": "m"})
    OPENAI.prepare(options, stream=False)
    assert options.json_data == {"model": "m"}


@pytest.mark.parametrize(
    ("endpoint", "body", "credits_used"),
    [
        ("/v2/search", {"data": {"web": []}, "creditsUsed": 4}, 4),
        ("/v2/scrape", {"data": {"metadata": {"creditsUsed": 1}}}, 1),
        ("/v2/scrape", {"data": {"metadata": {"creditsUsed": -1}}}, CEILING_CREDITS_PER_CALL),
        ("/v2/map", {"links": []}, CEILING_CREDITS_PER_CALL),
        ("/v2/scrape", None, CEILING_CREDITS_PER_CALL),
    ],
)
def test_firecrawl_is_paid_by_the_credits_it_states(endpoint: str, body: object, credits_used: int) -> None:
    charge = Credits(None).price_of("post", endpoint)(Answer(body))
    assert charge is not None
    assert charge.usd == pytest.approx(credits_used * CEILING_USD_PER_CREDIT)
    assert charge.source is PriceSource.CEILING


def test_firecrawl_job_is_paid_once_when_it_is_complete() -> None:
    price = Credits(0.001)
    assert price.price_of("post", "/v2/crawl")(Answer({"id": "j1"})) is None
    status = price.price_of("get", "/v2/crawl/j1")
    assert status(Answer({"status": "scraping", "creditsUsed": 3})) is None
    done = status(Answer({"status": "completed", "creditsUsed": 12}))
    assert done is not None
    assert (done.usd, done.source, done.model) == (0.012, PriceSource.OVERRIDE, "crawl")
    again = price.price_of("get", "https://api.firecrawl.dev/v2/crawl/j1?skip=10")
    assert again(Answer({"status": "completed", "creditsUsed": 12})) is None


@pytest.mark.parametrize(
    ("path", "body", "most_usd"),
    [
        ("/models", {}, 0.0),
        ("/images/generations", {"model": "gpt-image-1"}, CEILING_USD_PER_CALL),
        ("/chat/completions", {"model": "gpt-4o-mini"}, CEILING_USD_PER_CALL),
        ("/chat/completions", {"model": "gpt-4o-mini", "max_tokens": 1000, "n": 3}, 3000 * 0.6e-6),
        ("/responses", {"model": "gpt-4o-mini", "max_output_tokens": 1000}, 1000 * 0.6e-6),
    ],
)
def test_a_request_holds_the_most_that_it_can_cost(path: str, body: dict[str, Any], most_usd: float) -> None:
    prompt_usd = len(json.dumps(body)) * 0.15e-6
    assert OPENAI.most_usd(path, body) == pytest.approx(most_usd, abs=1.01 * prompt_usd)


def test_counting_tokens_costs_nothing_and_a_message_does() -> None:
    body = {
        "model": "claude-haiku-4-5",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": "x" * 1000}],
    }
    assert _Anthropic(LISTED).most_usd("/v1/messages/count_tokens", body) == 0
    assert _Anthropic(LISTED).most_usd("/v1/messages", body) > 1000 * 5e-6 + 1000 * 1e-6


@pytest.mark.parametrize(
    ("method", "endpoint", "most_usd"),
    [
        ("post", "/v2/scrape", CEILING_CREDITS_PER_CALL * 0.001),
        ("POST", "https://api.firecrawl.dev/v1/search", CEILING_CREDITS_PER_CALL * 0.001),
        ("post", "/v2/crawl", 0.0),
        ("get", "/v2/team/credit-usage", 0.0),
        ("get", "/v2/crawl/j1", None),
    ],
)
def test_a_firecrawl_request_holds_the_most_that_it_can_cost(
    method: str, endpoint: str, most_usd: float | None
) -> None:
    assert Credits(0.001).most_usd(method, endpoint) == most_usd
