"""What an answer costs: as it reports, or as the table says; and the ceiling for what is not believed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics import PriceSource, TokenType
from pipeline.prices import CEILING_USD_PER_CALL, Charge, Flavor, price_answer, price_chat_completion
from tests.pipeline.answers import (
    CHAT_COMPLETION,
    CHAT_COMPLETION_LAST_CHUNK,
    EMBEDDING,
    MESSAGE,
    OPENROUTER,
    RESPONSE,
    RESPONSE_COMPLETED,
)
from tests.pipeline.counted import Counted

PARTS_OF_WHOLES = {
    TokenType.INPUT: 800,
    TokenType.CACHE_READ: 200,
    TokenType.OUTPUT: 400,
    TokenType.REASONING: 100,
}
BESIDE_EACH_OTHER = {
    TokenType.INPUT: 1000,
    TokenType.CACHE_READ: 200,
    TokenType.CACHE_WRITE: 400,
    TokenType.OUTPUT: 500,
}


def price(response: dict[str, Any], provider: str = "openai") -> Charge:
    return price_chat_completion(response, provider=provider, model="gpt-4o-mini")


def with_usage(**usage: Any) -> dict[str, Any]:
    return {**CHAT_COMPLETION, "usage": {**CHAT_COMPLETION["usage"], **usage}}


@pytest.mark.parametrize(
    ("answer", "provider", "flavor", "usd", "tokens"),
    [
        # gpt-4o-mini: 0.15 in, 0.075 cached, 0.60 out; gpt-4.1: 2, 0.5, 8; per million tokens.
        (CHAT_COMPLETION, "openai", Flavor.CHAT, 0.000435, PARTS_OF_WHOLES),
        (CHAT_COMPLETION_LAST_CHUNK, "openai", Flavor.CHAT, 0.000435, PARTS_OF_WHOLES),
        (RESPONSE, "openai", Flavor.RESPONSES, 0.0057, PARTS_OF_WHOLES),
        # Sonnet 4.5: 3 in, 0.3 cached, 3.75 and 6 written for 5 minutes and an hour, 15 out.
        (MESSAGE, "anthropic", Flavor.ANTHROPIC, 0.012285, BESIDE_EACH_OTHER),
    ],
)
def test_the_table_prices_the_shapes_of_the_references(
    answer: dict[str, Any], provider: str, flavor: Flavor, usd: float, tokens: dict[TokenType, int]
) -> None:
    charge = price_answer(answer, provider=provider, model="asked-for", flavor=flavor)
    assert charge.source is PriceSource.TABLE
    assert charge.usd == pytest.approx(usd, rel=1e-9)
    assert charge.tokens == tokens
    assert charge.model == answer["model"]


def test_embeddings_have_input_alone() -> None:
    charge = price_answer(EMBEDDING, provider="openai", model="m", flavor=Flavor.EMBEDDINGS)
    assert charge.source is PriceSource.TABLE
    assert charge.usd == pytest.approx(0.00002)
    assert charge.tokens[TokenType.INPUT] == 1000


def test_the_last_event_of_a_streamed_response_is_priced_by_its_response() -> None:
    charge = price_answer(RESPONSE_COMPLETED, provider="openai", model="gpt-4.1", flavor=Flavor.RESPONSES)
    assert charge.usd == pytest.approx(0.0057)


def test_what_the_provider_reports_is_believed_first() -> None:
    charge = price(OPENROUTER, "openrouter")
    assert (charge.usd, charge.source, charge.tokens) == (0.00095, PriceSource.REPORTED, PARTS_OF_WHOLES)
    assert charge.table_usd == pytest.approx(0.000435)


@pytest.mark.parametrize(
    ("usage", "usd", "source"),
    [
        ({"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}}, 0.21, "reported"),
        ({"cost": 0, "cost_details": {"upstream_inference_cost": 0.2}}, 0.2, "reported"),
        (
            {"cost": 0.01, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.2}},
            0.01,
            "reported",
        ),
        ({"cost": 0}, 0.000435, "table"),
    ],
)
def test_a_call_with_a_key_of_ones_own_is_not_for_nothing(
    usage: dict[str, Any], usd: float, source: str
) -> None:
    charge = price({**OPENROUTER, "usage": {**OPENROUTER["usage"], **usage}}, "openrouter")
    assert charge.usd == pytest.approx(usd)
    assert charge.source.value == source


def test_a_free_model_of_openrouter_is_free() -> None:
    answer = {**OPENROUTER, "model": "nobody/no-model:free", "usage": {**OPENROUTER["usage"], "cost": 0}}
    assert (price(answer, "openrouter").usd, price(answer, "openrouter").source) == (0, PriceSource.REPORTED)


@pytest.mark.parametrize(
    "response", [{}, {"usage": None}, {"usage": {"cost": "free"}}, {"usage": {"prompt_tokens": 0}}]
)
def test_what_cant_be_priced_costs_the_ceiling(response: dict[str, Any]) -> None:
    charge = price(response)
    assert (charge.usd, charge.source) == (CEILING_USD_PER_CALL, PriceSource.CEILING)


@pytest.mark.parametrize("cost", [-1, float("nan"), float("inf"), True, "1", 10**6, 10**400])
def test_an_absurd_report_is_not_believed(cost: Any) -> None:
    assert price(with_usage(cost=cost)).source is PriceSource.TABLE


def test_an_unknown_model_costs_its_tokens_at_the_dearest_rates_and_none_is_lost() -> None:
    charge = price({**with_usage(completion_tokens=100_000), "model": "gpt-of-tomorrow"})
    assert charge.source is PriceSource.CEILING
    assert charge.usd == pytest.approx(1000 * 150e-6 + 100_000 * 600e-6)
    assert sum(charge.tokens.values()) == 101_000


@pytest.mark.parametrize(
    "details", [{"cached_tokens": 5000}, {"cached_tokens": 900, "cache_write_tokens": 900}]
)
def test_parts_that_exceed_their_whole_are_not_believed(details: dict[str, int]) -> None:
    charge = price(with_usage(prompt_tokens_details=details))
    assert charge.source is PriceSource.TABLE
    assert charge.tokens[TokenType.INPUT] == 1000
    assert charge.usd == pytest.approx(1000 * 0.15e-6 + 500 * 0.6e-6)


@pytest.mark.parametrize("count", [-1, 1.5, float("nan"), 10**10, 10**400, True, "many", [1]])
@pytest.mark.parametrize("key", ["prompt_tokens", "completion_tokens"])
def test_a_count_that_is_none_makes_the_price_a_ceiling(key: str, count: Any) -> None:
    charge = price(with_usage(**{key: count}))
    assert charge.source is PriceSource.CEILING
    assert charge.usd >= CEILING_USD_PER_CALL
    assert sum(charge.tokens.values()) in {500, 1000}


async def test_reported_and_table_price_can_be_compared() -> None:
    counted = Counted()

    async def answer() -> dict[str, Any]:
        return OPENROUTER

    for _ in range(2):
        await counted.dependency.call(answer, price=lambda got: price(got, "openrouter"))
    assert counted.value("pipeline_compared_reported_usd_total") == pytest.approx(2 * 0.00095)
    assert counted.value("pipeline_compared_table_usd_total") == pytest.approx(2 * 0.000435)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["usage", "model", "cost", "prompt_tokens", "cached_tokens", "prompt_tokens_details"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(["usage", "model", "choices", "response"]), json_values, max_size=3),
    st.sampled_from(Flavor),
)
def test_a_strange_answer_is_priced_and_never_raises(response: dict[str, Any], flavor: Flavor) -> None:
    charge = price_answer(response, provider="openrouter", model="m", flavor=flavor)
    assert charge.usd >= 0
    assert charge.usd > 0 or charge.source is PriceSource.REPORTED
    assert all(count >= 0 for count in charge.tokens.values())
