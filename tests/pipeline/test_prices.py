from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.metrics import PriceSource, TokenType
from pipeline.prices import CEILING_USD_PER_CALL, price_chat_completion

USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 500,
    "prompt_tokens_details": {"cached_tokens": 200},
    "completion_tokens_details": {"reasoning_tokens": 100},
}


def price(response: dict[str, Any], provider: str = "openai") -> Any:
    return price_chat_completion(response, provider=provider, model="gpt-4o-mini")


def test_what_the_provider_reports_is_believed_first() -> None:
    charge = price({"model": "openai/gpt-4o-mini", "usage": {**USAGE, "cost": 0.0123}}, "openrouter")
    assert (charge.usd, charge.source) == (0.0123, PriceSource.REPORTED)


def test_token_types_are_disjoint() -> None:
    charge = price({"usage": {**USAGE, "cost": 1}})
    assert charge.tokens == {
        TokenType.INPUT: 800,
        TokenType.CACHE_READ: 200,
        TokenType.OUTPUT: 400,
        TokenType.REASONING: 100,
    }


def test_the_price_table_serves_where_nothing_is_reported() -> None:
    charge = price({"model": "gpt-4o-mini", "object": "chat.completion", "usage": USAGE})
    assert charge.source is PriceSource.TABLE
    assert 0 < charge.usd < 0.01


@pytest.mark.parametrize(
    "response", [{}, {"usage": None}, {"usage": {"cost": "free"}}, {"usage": {"prompt_tokens": -5}}]
)
def test_what_cant_be_priced_costs_the_ceiling(response: dict[str, Any]) -> None:
    charge = price(response)
    assert (charge.usd, charge.source) == (CEILING_USD_PER_CALL, PriceSource.CEILING)


@pytest.mark.parametrize("cost", [-1, float("nan"), float("inf"), True])
def test_an_absurd_report_is_not_believed(cost: float) -> None:
    assert price({"usage": {"cost": cost}}).source is not PriceSource.REPORTED


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


@given(st.dictionaries(st.sampled_from(["usage", "model", "choices"]), json_values, max_size=3))
def test_a_strange_answer_is_priced_and_never_raises(response: dict[str, Any]) -> None:
    charge = price_chat_completion(response, provider="openrouter", model="m")
    assert charge.usd >= 0
    assert all(count >= 0 for count in charge.tokens.values())
