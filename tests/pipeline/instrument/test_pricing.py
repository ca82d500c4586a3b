"""What the SDKs' answers cost, in the shapes of the providers' API references."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.instrument.anthropic import _Anthropic
from pipeline.instrument.charged_once import ChargedJobs
from pipeline.instrument.openai import _OpenAI
from pipeline.instrument.requests import Request, request_of
from pipeline.metrics import PriceSource, TokenType
from pipeline.prices import (
    CEILING_USD_PER_CALL,
    Overrides,
    Prices,
)
from pipeline.prices.overrides import ModelRates

LISTED = Prices()
ANTHROPIC = _Anthropic(LISTED)


def openai() -> _OpenAI:
    return _OpenAI("openai", LISTED, ChargedJobs())


def post(path: str, **body: Any) -> Request:
    return Request("post", path, body)


def get(path: str) -> Request:
    return Request("get", path, {})


def test_cached_and_reasoning_tokens_of_a_response_are_disjoint() -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 30},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
    }
    charge = openai().price(post("/responses"), {"model": "gpt-4o-mini", "usage": usage})
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
    charge = ANTHROPIC.price(post("/v1/messages"), answer)
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
    charge = openai().price(post("/chat/completions", model="gpt-4o-mini"), answer)
    assert charge is not None
    assert (charge.usd, charge.source) == (CEILING_USD_PER_CALL, PriceSource.CEILING)
    assert charge.model == "gpt-4o-mini"


def test_embeddings_and_images_are_paid_and_lists_are_free() -> None:
    embedded = {"model": "text-embedding-3-small", "usage": {"prompt_tokens": 8, "total_tokens": 8}}
    charge = openai().price(post("/embeddings"), embedded)
    assert charge is not None
    assert charge.source is PriceSource.TABLE
    image = openai().price(post("/images/generations", model="gpt-image-1"), {})
    assert image is not None
    assert image.source is PriceSource.CEILING
    assert openai().price(get("/models"), {}) is None
    assert ANTHROPIC.price(post("/v1/messages/count_tokens"), {"input_tokens": 3}) is None


PICTURES = {
    "input_tokens": 100,
    "input_tokens_details": {"text_tokens": 100, "image_tokens": 0},
    "output_tokens": 62_080,
    "total_tokens": 62_180,
}


@pytest.mark.parametrize(
    ("path", "model", "usage", "usd"),
    [
        # GPT Image 1: 10 for pictures that go in, 40 out; GPT-4o Transcribe: 6 for what is heard, 10 out.
        ("/images/generations", "gpt-image-1", PICTURES, (100 * 10 + 62_080 * 40) / 1e6),
        ("/audio/transcriptions", "gpt-4o-transcribe", {"input_tokens": 900, "output_tokens": 50}, 0.0059),
        ("/audio/transcriptions", "whisper-1", {"type": "duration", "seconds": 90}, 0.009),
    ],
)
def test_pictures_and_sounds_cost_the_tokens_or_seconds_that_are_stated(
    path: str, model: str, usage: dict[str, Any], usd: float
) -> None:
    charge = openai().price(post(path, model=model, n=10), {"usage": usage})
    assert charge is not None
    assert charge.usd == pytest.approx(usd)
    assert (charge.source, charge.model) == (PriceSource.TABLE, model)
    assert sum(charge.tokens.values()) == usage.get("input_tokens", 0) + usage.get("output_tokens", 0)


@pytest.mark.parametrize(
    ("model", "answer", "usd"),
    [
        ("dall-e-3", {"data": [{}]}, 10 * CEILING_USD_PER_CALL),
        ("pictures/of-tomorrow", {"usage": {"input_tokens": 0, "output_tokens": 10**6}}, 80),
        ("pictures/of-tomorrow", {"usage": {"seconds": 60}}, 10 * CEILING_USD_PER_CALL),
        ("whisper-1", {"usage": {"seconds": float("nan")}}, 10 * CEILING_USD_PER_CALL),
        ("gpt-image-1", {"usage": {"input_tokens": 10, "output_tokens": -1}}, 10 * CEILING_USD_PER_CALL),
        ("gpt-image-1", {"usage": {"input_tokens": 0, "output_tokens": 10**9}}, 10_000),
        (
            "gpt-image-1",
            {"usage": {"output_tokens": 1000}, "svg_usage": {"model": "m"}},
            CEILING_USD_PER_CALL,
        ),
    ],
)
def test_each_picture_that_cannot_be_priced_costs_the_ceiling(
    model: str, answer: dict[str, Any], usd: float
) -> None:
    charge = openai().price(post("/images/generations", model=model, n=10), answer)
    assert charge is not None
    assert charge.usd == pytest.approx(usd)
    assert charge.source is PriceSource.CEILING


def test_the_users_own_price_holds_for_pictures_too() -> None:
    rates = ModelRates(
        {TokenType.INPUT: 1, TokenType.CACHE_READ: 1, TokenType.OUTPUT: 2, TokenType.REASONING: 2}
    )
    own = _OpenAI("openai", Prices(Overrides(models={"gpt-image-1": rates})), ChargedJobs())
    charge = own.price(post("/images/generations", model="gpt-image-1"), {"usage": PICTURES})
    assert charge is not None
    assert charge.usd == pytest.approx(0.12426)
    assert charge.source is PriceSource.OVERRIDE


def test_streamed_response_states_its_usage_in_its_last_event() -> None:
    usage = openai().usage(post("/responses", model="gpt-4o-mini"))
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
    openai().prepare(options, stream=True)
    caller_spoke = given.get("stream_options") is not None
    assert options.json_data["stream_options"]["include_usage"] is not caller_spoke


def test_request_that_is_no_stream_stays_as_it_is() -> None:
    options = SimpleNamespace(url="/chat/completions", json_data={"model": "m"})
    openai().prepare(options, stream=False)
    assert options.json_data == {"model": "m"}


@pytest.mark.parametrize(
    ("path", "body", "most_usd"),
    [
        ("/images/generations", {"model": "gpt-image-1"}, CEILING_USD_PER_CALL),
        ("/images/generations", {"model": "gpt-image-1", "n": 10}, 10 * CEILING_USD_PER_CALL),
        ("/chat/completions", {"model": "gpt-4o-mini"}, CEILING_USD_PER_CALL),
        ("/chat/completions", {"model": "gpt-4o-mini", "max_tokens": 1000, "n": 3}, 3000 * 1e-6),
        ("/responses", {"model": "gpt-4o-mini", "max_output_tokens": 1000}, 1000 * 1e-6),
    ],
)
def test_a_request_holds_the_most_that_it_can_cost(path: str, body: dict[str, Any], most_usd: float) -> None:
    prompt_usd = len(json.dumps(body)) * 0.25e-6  # as the output, in OpenAI's dearest tier
    assert openai().most_usd(post(path, **body)) == pytest.approx(most_usd, abs=1.01 * prompt_usd)


def test_counting_tokens_costs_nothing_and_a_message_does() -> None:
    body: dict[str, Any] = {
        "model": "claude-haiku-4-5",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": "x" * 1000}],
    }
    assert ANTHROPIC.is_free(post("/v1/messages/count_tokens", **body))
    assert not ANTHROPIC.is_free(post("/v1/messages", **body))
    assert ANTHROPIC.most_usd(post("/v1/messages", **body)) > 1000 * 5e-6 + 1000 * 1e-6


@pytest.mark.parametrize("path", ["/chat/completions", "/videos", "/images/generations", "/threads/t/runs"])
def test_what_only_asks_is_free(path: str) -> None:
    assert openai().is_free(get(path))
    assert openai().price(get(path), {"object": "list", "data": []}) is None
    assert not openai().is_free(post(path))


USED = {"input_tokens": 1000, "output_tokens": 10}
RUN_USED = {"prompt_tokens": 1000, "completion_tokens": 10}


@pytest.mark.parametrize(
    ("path", "usage"), [("/responses/compact", USED), ("/new/things", USED), ("/threads/t/runs", RUN_USED)]
)
def test_whatever_states_a_usage_is_paid(path: str, usage: dict[str, int]) -> None:
    charge = openai().price(post(path), {"model": "gpt-4o-mini", "usage": usage})
    assert charge is not None
    assert (charge.source, charge.tokens[TokenType.INPUT]) == (PriceSource.TABLE, 1000)


def test_what_states_none_and_is_not_known_to_be_paid_is_free() -> None:
    assert openai().price(post("/files"), {"id": "f"}) is None
    assert ANTHROPIC.price(post("/v1/new/things"), {"model": "claude-haiku-4-5", "usage": USED}) is not None


@pytest.mark.parametrize(
    ("path", "usage"), [("/responses/resp_1", USED), ("/threads/t/runs/run_1", RUN_USED)]
)
@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "incomplete"])
def test_what_goes_on_behind_is_paid_once_when_it_has_ended(
    path: str, usage: dict[str, int], status: str
) -> None:
    dialect = openai()
    job = {"id": path.rpartition("/")[2], "model": "gpt-4o-mini"}
    begun = post("/responses", model="gpt-4o-mini", background=True)
    assert dialect.price(begun, {**job, "status": "queued", "output": []}) is None
    assert dialect.price(get(path), {**job, "status": "in_progress", "usage": None}) is None
    ended = {**job, "status": status, "usage": usage}
    charge = dialect.price(get(path), ended)
    assert charge is not None
    assert charge.source is PriceSource.TABLE
    assert dialect.price(get(path), ended) is None
    assert dialect.price(post(f"{path}/cancel"), ended) is None


def test_a_response_that_was_paid_for_costs_nothing_when_it_is_asked_for_again() -> None:
    dialect = openai()
    answer = {"id": "resp_1", "status": "completed", "model": "gpt-4o-mini", "usage": USED}
    assert dialect.price(post("/responses"), answer) is not None
    assert dialect.price(get("/responses/resp_1"), answer) is None
    elsewhere = {**answer, "id": "resp_2", "background": False}
    assert dialect.price(get("/responses/resp_2"), elsewhere) is None


def test_what_the_caller_adds_to_a_body_counts_as_its_own() -> None:
    options = SimpleNamespace(
        method="POST", url="/chat/completions?beta=1", json_data={"model": "a"}, extra_json={"n": 2}
    )
    assert request_of(options) == Request("post", "/chat/completions", {"model": "a", "n": 2})
