"""The most that a request may cost, before it is sent."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest

from pipeline.prices import CEILING_USD_PER_CALL, Prices
from pipeline.prices.table import table_rates
from tests.pipeline.prices.prices_file import PRICES_FILE, overrides


@pytest.mark.parametrize(
    ("model", "bound"),
    [
        ("gpt-4o-mini", 4000 * 0.15e-6 + 1000 * 0.6e-6),
        ("gpt-of-tomorrow", 4000 * 150e-6 + 1000 * 600e-6),
    ],
)
def test_the_upper_bound_takes_every_byte_for_a_token(model: str, bound: float) -> None:
    assert Prices().upper_bound_usd(
        provider="openai", model=model, prompt_bytes=4000, max_output_tokens=1000, service_tier="default"
    ) == pytest.approx(bound)


def bound_usd(model: str, provider: str = "openai", **asked: Any) -> float:
    return Prices().upper_bound_usd(
        provider=provider, model=model, **{"prompt_bytes": 0, "max_output_tokens": 10**6, **asked}
    )


@pytest.mark.parametrize(
    ("provider", "model", "asked", "output_usd"),
    [
        ("openai", "gpt-5", {"service_tier": "default"}, 10),
        ("openai", "gpt-5", {"service_tier": "flex"}, 10),
        ("openai", "gpt-5", {"service_tier": "priority"}, 20),
        ("openai", "gpt-5", {"service_tier": None}, 20),  # as the project is set up at OpenAI
        ("openai", "gpt-5", {"speed": "fast"}, 20),
        ("anthropic", "claude-opus-4-8", {}, 25),
        ("anthropic", "claude-opus-4-8", {"speed": "standard"}, 25),
        ("anthropic", "claude-opus-4-8", {"speed": "fast"}, 50),
        ("openai", "gpt-audio", {}, 64),
    ],
)
def test_the_upper_bound_is_of_the_dearest_that_may_be_asked_for(
    provider: str, model: str, asked: dict[str, Any], output_usd: float
) -> None:
    assert bound_usd(model, provider, **asked) == pytest.approx(output_usd)


def test_sounds_and_pictures_and_searches_are_held_at_their_own_rates() -> None:
    audio: dict[str, Any] = {"model": "gpt-audio", "max_output_tokens": 0}
    assert bound_usd(**audio, prompt_bytes=10**6) == pytest.approx(2.5)
    assert bound_usd(**audio, other_input_tokens=10**6) == pytest.approx(32)
    haiku: dict[str, Any] = {"model": "claude-haiku-4-5", "provider": "anthropic", "max_output_tokens": 0}
    assert bound_usd(**haiku, searches=30) == pytest.approx(0.3)


def test_no_listed_model_is_dearer_than_the_ceiling_of_one_that_is_not() -> None:
    from genai_prices.data_snapshot import get_snapshot

    million = 10**6
    asked = dict.fromkeys(("prompt_bytes", "max_output_tokens", "other_input_tokens", "searches"), million)
    for provider in ("anthropic", "openai"):
        models = next(source.models for source in get_snapshot().providers if source.id == provider)
        ceiling = bound_usd("nobody/knows", provider, **asked)
        for model in models:
            rates = table_rates(provider, model.id, speed="fast")
            assert rates is None or million * sum(rates) <= ceiling, model.id


def test_the_upper_bound_takes_a_cached_prompts_dearest_rate_and_the_users_own(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"prompt_bytes": 1_000_000, "max_output_tokens": 0}
    sonnet = Prices().upper_bound_usd(provider="anthropic", model="claude-sonnet-4-5", **asked)
    assert sonnet >= 6.0  # written to a cache for an hour
    own = Prices(overrides(tmp_path, PRICES_FILE))
    assert own.upper_bound_usd(provider="openai", model="gpt-4o-mini", **asked) == pytest.approx(1.0)


def test_the_upper_bound_of_an_open_end_is_at_least_the_ceiling() -> None:
    bound = Prices().upper_bound_usd(
        provider="openai", model="gpt-4o-mini", prompt_bytes=10, max_output_tokens=None
    )
    assert bound == CEILING_USD_PER_CALL


def test_models_that_were_asked_for_long_ago_are_forgotten() -> None:
    class Name(str):
        """That of a model; unlike a plain `str` one sees when it goes."""

        __slots__ = ("__weakref__",)

        def lower(self) -> Name:  # where genai-prices keeps names, it keeps them so
            return self

    asked_for = []
    for number in range(300):
        name = Name(f"claude-sonnet-4-5-{number}")  # one that the table has, by its beginning
        Prices().upper_bound_usd(provider="anthropic", model=name, prompt_bytes=1, max_output_tokens=1)
        asked_for.append(weakref.ref(name))
    del name
    assert sum(name() is not None for name in asked_for) <= 256
