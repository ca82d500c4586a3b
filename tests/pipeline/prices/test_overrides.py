"""The user's own prices, and the mistakes in their file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.metrics import PriceSource
from pipeline.prices import (
    CEILING_CREDITS_PER_CALL,
    CEILING_USD_PER_CREDIT,
    Charge,
    Flavor,
    OverridesError,
    Prices,
    read_overrides,
)
from tests.pipeline.answers import CHAT_COMPLETION, OPENROUTER
from tests.pipeline.prices.prices_file import PRICES_FILE, overrides


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
