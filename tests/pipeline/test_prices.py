from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from pipeline.metrics import PriceSource, TokenType
from pipeline.prices import (
    CEILING_CREDITS_PER_CALL,
    CEILING_USD_PER_CALL,
    CEILING_USD_PER_CREDIT,
    Charge,
    Flavor,
    Overrides,
    OverridesError,
    Prices,
    price_answer,
    price_chat_completion,
    read_overrides,
)
from pipeline.prices.table import table_rates
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


class Sdk:
    """As the SDKs' objects, which are pydantic models."""

    def __init__(self, dump: Callable[[], object]) -> None:
        self._dump = dump

    def model_dump(self, *, warnings: bool) -> object:
        assert not warnings
        return self._dump()


class Details(BaseModel, extra="allow"):
    pass


class Usage(BaseModel, extra="allow"):
    prompt_tokens_details: Details | None = None
    input_tokens_details: Details | None = None


class SdksAnswer(BaseModel, extra="allow"):
    model: str
    usage: Usage | None = None


@pytest.mark.parametrize(
    ("answer", "provider", "flavor"),
    [
        (CHAT_COMPLETION, "openai", Flavor.CHAT),
        (CHAT_COMPLETION | {"service_tier": "priority"}, "openai", Flavor.CHAT),
        (OPENROUTER, "openrouter", Flavor.CHAT),
        (RESPONSE, "openai", Flavor.RESPONSES),
        (MESSAGE, "anthropic", Flavor.ANTHROPIC),
    ],
)
def test_an_sdks_model_is_read_as_far_as_its_price_goes_and_never_dumped(
    answer: dict[str, Any], provider: str, flavor: Flavor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = SdksAnswer.model_validate(answer)
    monkeypatch.setattr(BaseModel, "model_dump", explode)
    charge = price_answer(made, provider=provider, model="m", flavor=flavor)
    assert charge == price_answer(answer, provider=provider, model="m", flavor=flavor)


def test_an_sdks_object_is_priced_as_its_json() -> None:
    assert price_chat_completion(Sdk(lambda: CHAT_COMPLETION), provider="openai", model="m") == price(
        CHAT_COMPLETION
    )


def explode(*_: object, **__: object) -> object:
    raise RuntimeError


@pytest.mark.parametrize("answer", [None, "text", [1], Sdk(explode), Sdk(lambda: 5), object()])
def test_what_is_no_answer_costs_the_ceiling(answer: object) -> None:
    charge = price_chat_completion(answer, provider="openai", model="gpt-4o-mini")
    assert (charge.usd, charge.source) == (CEILING_USD_PER_CALL, PriceSource.CEILING)


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


def overrides(tmp_path: Path, text: str) -> Overrides:
    file = tmp_path / "prices.yml"
    file.write_text(text)
    return read_overrides(file)


PRICES_FILE = """
models:
  gpt-4o-mini*:
    input_usd_per_mtok: 1
    output_usd_per_mtok: 2
  gpt-4o-mini-2024*:
    input_usd_per_mtok: 10
    cache_read_usd_per_mtok: 5
    output_usd_per_mtok: 20
    reasoning_usd_per_mtok: 40
firecrawl_usd_per_credit: 0.00083
pdf_usd_per_call: 0.002
"""


def test_the_users_own_price_goes_before_the_table_and_after_the_report(tmp_path: Path) -> None:
    prices = Prices(overrides(tmp_path, PRICES_FILE))

    def own(answer: dict[str, Any]) -> Charge:
        return prices.of_answer(answer, provider="openai", model="m", flavor=Flavor.CHAT)

    charge = own(CHAT_COMPLETION)  # the longest name that fits
    assert charge.source is PriceSource.OVERRIDE
    assert charge.usd == pytest.approx((800 * 10 + 200 * 5 + 400 * 20 + 100 * 40) / 1e6)
    charge = own({**CHAT_COMPLETION, "model": "gpt-4o-mini"})  # what isn't given: as input, as output
    assert charge.usd == pytest.approx((1000 * 1 + 500 * 2) / 1e6)
    assert own(OPENROUTER).source is PriceSource.REPORTED
    assert own({**CHAT_COMPLETION, "model": "gpt-4.1"}).source is PriceSource.TABLE


def test_credits_and_pdfs(tmp_path: Path) -> None:
    own = Prices(overrides(tmp_path, PRICES_FILE))
    assert own.of_credits(5, operation="scrape").usd == pytest.approx(5 * 0.00083)
    assert own.of_credits(5, operation="scrape").source is PriceSource.OVERRIDE
    assert Prices().of_credits(5, operation="scrape").usd == pytest.approx(5 * CEILING_USD_PER_CREDIT)
    for strange in (None, -1, float("nan"), float("inf")):
        charge = Prices().of_credits(strange, operation="scrape")
        assert charge.usd == pytest.approx(CEILING_CREDITS_PER_CALL * CEILING_USD_PER_CREDIT)
    assert own.of_pdf() == Charge(0.002, PriceSource.OVERRIDE, "pdf")
    assert Prices().of_pdf() is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("models: [", "line 1: expected the node content, but found '<stream end>'; correct the YAML"),
        ("- a", "is no mapping; begin it with 'models:'"),
        ("\0", "is no YAML (ReaderError); save it as UTF-8 text"),
        ("[" * 500, "is no YAML (RecursionError); save it as UTF-8 text"),
        ("modles: {}", "'modles': is no key; use models, firecrawl_usd_per_credit or pdf_usd_per_call"),
        ("models: 5", "models: is no mapping; write a line for each model and its rates below it"),
        ("models: {5: {}}", "models: 5 is no model's name; put it in quotes"),
        ("models: {'*': {}}", "models: '*' is no model's name; put it in quotes"),
        (
            "models: {m: 5}",
            "models.m: is no mapping; write input_usd_per_mtok and output_usd_per_mtok below it",
        ),
        ("models: {m: {output_usd_per_mtok: 1}}", "models.m: input_usd_per_mtok is missing; write it below"),
        (
            "models: {m: {input_usd_per_mtok: cheap, output_usd_per_mtok: 1}}",
            "models.m.input_usd_per_mtok: 'cheap' is no number; write USD like 0.15",
        ),
        ("pdf_usd_per_call: -1", "pdf_usd_per_call: -1 is out of range; give 0 or more and at most 1000"),
        ("pdf_usd_per_call: .nan", "pdf_usd_per_call: nan is out of range; give 0 or more and at most 1000"),
    ],
)
def test_a_mistake_in_the_file_says_where_what_rule_and_remedy(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(OverridesError) as refused:
        overrides(tmp_path, text)
    assert refused.value.problems == (problem,)


def test_a_file_that_cannot_be_read_or_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OverridesError, match="cannot be read"):
        read_overrides(tmp_path / "missing.yml")
    with pytest.raises(OverridesError, match="is longer than 262144 bytes"):
        overrides(tmp_path, "#" * 300_000)


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
