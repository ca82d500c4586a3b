"""Where the table has one rate for each kind of token, our sum is genai-prices' own, to the last digit."""

from __future__ import annotations

from functools import cache
from typing import Any
from unittest.mock import patch

import pytest
from genai_prices.data_snapshot import find_provider_by_id, get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.prices import Flavor, table
from pipeline.prices.usage import count_tokens

WORDS = {
    Flavor.CHAT: ("prompt_tokens", "completion_tokens"),
    Flavor.RESPONSES: ("input_tokens", "output_tokens"),
}
COUNTS = st.one_of(st.none(), st.integers(-1, 2_000_000_000), st.sampled_from([True, 1.5, "7", [1]]))


@cache
def models(provider: str) -> list[str]:
    source = find_provider_by_id(get_snapshot().providers, provider)
    assert source is not None
    return [model.id for model in source.models]


def price(usage: dict[str, Any], provider: str, model: str, flavor: Flavor) -> float | None:
    return table.table_price(
        {"usage": usage}, count_tokens(usage, flavor), provider=provider, model=model, flavor=flavor
    )


def price_of_genai_prices(usage: dict[str, Any], provider: str, model: str, flavor: Flavor) -> float | None:
    with patch.object(table, "_flat_rates", return_value=None):
        return price(usage, provider, model, flavor)


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    provider=st.sampled_from(["openai", "openrouter"]),
    flavor=st.sampled_from(list(WORDS)),
    counts=st.tuples(*[COUNTS] * 5),
)
def test_the_sum_is_genai_prices_own(
    data: st.DataObject, provider: str, flavor: Flavor, counts: tuple[Any, ...]
) -> None:
    model = data.draw(st.sampled_from(models(provider)))
    taken, given_ = WORDS[flavor]
    usage = {
        taken: counts[0],
        given_: counts[1],
        f"{taken}_details": {"cached_tokens": counts[2], "cache_write_tokens": counts[3], "audio_tokens": 1},
        f"{given_}_details": {"reasoning_tokens": counts[4]},
    }
    assert price(usage, provider, model, flavor) == price_of_genai_prices(usage, provider, model, flavor)


@pytest.mark.parametrize(
    ("provider", "model", "flavor", "is_flat"),
    [
        ("openrouter", "openai/gpt-4o-mini", Flavor.CHAT, True),
        ("openrouter", "openai/gpt-4o-mini", Flavor.EMBEDDINGS, False),  # usage in other places
        ("openrouter", "anthropic/claude-sonnet-4.5", Flavor.CHAT, False),  # by size
        ("openai", "gpt-4o-mini", Flavor.CHAT, False),  # by tier, and searches
        ("anthropic", "claude-sonnet-4-5", Flavor.ANTHROPIC, False),  # an hour of caching
        ("nobody", "nothing", Flavor.CHAT, False),
    ],
)
def test_what_else_is_priced_is_left_to_genai_prices(
    provider: str, model: str, flavor: Flavor, is_flat: bool
) -> None:
    assert (table._flat_rates(provider, model, flavor) is not None) is is_flat
