"""Whose word for a price is taken: the provider's, the user's, the table's, or the ceiling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.metrics import PriceSource, TokenType
from pipeline.prices.charge import Charge
from pipeline.prices.overrides import ModelRates, Overrides
from pipeline.prices.table import MAX_CALL_USD, Rates, context_window, table_price, table_rates
from pipeline.prices.usage import Flavor, Usage, count_tokens, inside, priced_part, usage_of

CEILING_USD_PER_CALL: Final = 0.25
"""Charged at least for an LLM call that no source can price: what a long answer of a dear model may cost."""

CEILING_USD_PER_CREDIT: Final = 0.0064
"""What FireCrawl's credit costs in the dearest way to buy one, where the plan's price is not given."""

CEILING_CREDITS_PER_CALL: Final = 10

_NUMBERS: Final = (int, float)
_CEILINGS: Final = {"anthropic": Rates(32e-6, 80e-6, 32e-6, 0.01)}
_CEILING_ELSEWHERE: Final = Rates(150e-6, 600e-6, 150e-6, 0.035)
"""What the dearest models of the price table ask: Claude Fable in a hurry, o1-pro."""

_CEILING_OF_MEDIA: Final = Rates(40e-6, 80e-6, 40e-6)
"""Likewise those for pictures and sounds: GPT-4o Realtime."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices answers. Never raises for a strange one, never says 0 for a paid call, loses no token."""

    overrides: Overrides = field(default_factory=Overrides)

    def of_answer(self, answer: object, *, provider: str, model: str, flavor: Flavor) -> Charge:
        """Price an answer, a mapping or an SDK's object, or the last piece of a streamed one.

        `provider` is genai-prices' id; `model` is what was asked for, and serves where the answer names none.
        OpenRouter reports `usage.cost` in USD, which is believed first; where it passes a key of the user's
        own on to the model's host, what that charges is added.
        """
        mapping = priced_part(answer)
        stated = usage_of(mapping)
        usage = count_tokens(stated, flavor)
        answered_by = _text(mapping.get("model")) or model
        listed = table_price(mapping, usage, provider=provider, model=answered_by, flavor=flavor)
        reported = _reported_price(stated)
        # What costs nothing by the provider's word and something by the table's is not for nothing.
        if reported is not None and (reported > 0 or listed is None):
            return Charge(reported, PriceSource.REPORTED, answered_by, usage.tokens, listed)
        own = self._own_price(usage, answered_by, model)
        if own is not None:
            return Charge(own, PriceSource.OVERRIDE, answered_by, usage.tokens)
        if listed is not None and usage.is_credible:
            return Charge(listed, PriceSource.TABLE, answered_by, usage.tokens)
        ceiling = max(listed or 0.0, ceiling_usd(provider, usage))
        return Charge(ceiling, PriceSource.CEILING, answered_by, usage.tokens)

    def of_media(self, answer: object, *, provider: str, model: str, pieces: int = 1) -> Charge:
        """Price pictures or sounds, made or heard: as `of_answer`, if the answer states tokens or seconds.

        What kind of token is which is not believed: each costs the dearest rate that it may have. What
        can't be priced costs the ceiling for each of its `pieces`, its tokens at the dearest rates.
        """
        mapping = priced_part(answer)
        stated = usage_of(mapping)
        usage = count_tokens(stated, Flavor.RESPONSES)
        answered_by = _text(mapping.get("model")) or model
        own = self._own_price(usage, answered_by, model)
        if own is not None:
            return Charge(own, PriceSource.OVERRIDE, answered_by, usage.tokens)
        if stated.get("seconds") is not None:
            listed = table_price(
                {"usage": stated}, usage, provider=provider, model=answered_by, flavor=Flavor.SECONDS
            )
        else:
            listed = _media_price(usage, provider, answered_by)
        if listed is not None and usage.is_credible:
            return Charge(listed, PriceSource.TABLE, answered_by, usage.tokens)
        usd = max(pieces * CEILING_USD_PER_CALL, _tokens_usd(usage, _CEILING_OF_MEDIA))
        return Charge(min(usd, MAX_CALL_USD), PriceSource.CEILING, answered_by, usage.tokens)

    def upper_bound_usd(
        self,
        *,
        provider: str,
        model: str,
        prompt_bytes: int,
        max_output_tokens: int | None,
        other_input_tokens: int = 0,
        choices: int = 1,
        searches: int = 0,
        fills_context: bool = False,
        service_tier: str | None = None,
        speed: str | None = None,
    ) -> float:
        """The most that a call can cost before it is made; what to hold of a budget.

        Every byte of the prompt is taken for a token at the dearest rate for text, and all the output of
        each of the `choices` for used. `other_input_tokens` are of pictures and the like, `searches` on the
        web. With `fills_context`, the model may read as much besides as it can take. Without
        `max_output_tokens`, or for a model whose rates or context nobody lists, the ceiling of each choice
        serves where it is more. Without a `service_tier` (OpenAI's word), it is the dearest; a `speed`
        (Anthropic's) is none but the one that is asked for.
        """
        own = self.overrides.rates(model)
        if own is None:
            rates = table_rates(provider, model, service_tier=service_tier, speed=speed)
        else:
            rates = _dearest(own)
        context = context_window(provider, model) if fills_context else 0
        known = rates is not None and max_output_tokens is not None and context is not None
        rates = _CEILINGS.get(provider, _CEILING_ELSEWHERE) if rates is None else rates
        input_usd = prompt_bytes * rates.input_usd
        if context or other_input_tokens or searches:
            input_usd += (other_input_tokens + (context or 0)) * rates.other_input_usd
            input_usd += searches * rates.search_usd
        bound = input_usd + choices * (max_output_tokens or 0) * rates.output_usd
        return bound if known else max(bound, choices * CEILING_USD_PER_CALL)

    def of_credits(self, credits_used: float | None, *, operation: str) -> Charge:
        """What FireCrawl's credits cost; None: the answer doesn't say how many."""
        own = self.overrides.firecrawl_usd_per_credit
        usd_per_credit = CEILING_USD_PER_CREDIT if own is None else own
        if credits_used is None or not 0 <= credits_used < math.inf:
            usd = CEILING_CREDITS_PER_CALL * usd_per_credit
            return Charge(usd, PriceSource.CEILING, operation)
        source = PriceSource.CEILING if own is None else PriceSource.OVERRIDE
        return Charge(credits_used * usd_per_credit, source, operation)

    def of_pdf(self) -> Charge | None:
        """What one PDF costs; None: nothing, as one's own Gotenberg."""
        usd = self.overrides.pdf_usd_per_call
        return None if usd is None else Charge(usd, PriceSource.OVERRIDE, "pdf")

    def _own_price(self, usage: Usage, *models: str) -> float | None:
        rates = self.overrides.rates(*models)
        if rates is None or not usage.is_credible or not any(usage.tokens.values()):
            return None
        return rates.price(usage.tokens)


def ceiling_usd(provider: str, usage: Usage) -> float:
    """What the tokens cost at the rates of the provider's dearest model, at least the ceiling of a call."""
    rates = _CEILINGS.get(provider, _CEILING_ELSEWHERE)
    return min(max(CEILING_USD_PER_CALL, _tokens_usd(usage, rates)), MAX_CALL_USD)


def _media_price(usage: Usage, provider: str, model: str) -> float | None:
    rates = table_rates(provider, model)
    usd = 0.0 if rates is None else _tokens_usd(usage, rates)
    return usd if 0 < usd <= MAX_CALL_USD else None


def _tokens_usd(usage: Usage, rates: Rates) -> float:
    return usage.input_tokens * rates.other_input_usd + usage.output_tokens * rates.output_usd


def _dearest(own: ModelRates) -> Rates:
    rates = own.usd_per_mtok
    inputs = (TokenType.INPUT, TokenType.CACHE_READ, TokenType.CACHE_WRITE)
    outputs = (TokenType.OUTPUT, TokenType.REASONING)
    return Rates(*(max(rates[kind] for kind in kinds) / 1e6 for kinds in (inputs, outputs, inputs)))


def _reported_price(usage: Mapping[str, Any]) -> float | None:
    cost = _amount(usage.get("cost"))
    upstream = _amount(inside(usage, "cost_details").get("upstream_inference_cost"))
    if cost is None or upstream is None or not (cost == 0 or usage.get("is_byok") is True):
        return cost
    return _amount(cost + upstream)


def _amount(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        return None
    return float(value) if 0 <= value <= MAX_CALL_USD else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
