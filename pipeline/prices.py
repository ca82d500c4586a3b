"""Usage to USD. A paid call is never free: what can't be priced costs its provider's ceiling.

Order of trust: what the provider reports, then the published price table of genai-prices, then the
ceiling. The table is imported at the first call that needs it: it takes a quarter of a second.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pipeline.metrics import PriceSource, TokenType

log = logging.getLogger(__name__)

CEILING_USD_PER_CALL = 0.25
"""Charged for an LLM call that no source can price: what a long answer of a dear model may cost."""

_PROMPT_AND_COMPLETION = ("chat", "embeddings")
_MAX_TOKENS = 1_000_000_000
_MAX_REPORTED_USD = 10_000.0
"""No single call costs more; what says so is not believed."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call cost. `tokens` are disjoint by type.

    Raises:
        ValueError: a cost or count that is negative or not finite, which no counter could take back.
    """

    usd: float
    source: PriceSource
    model: str
    tokens: Mapping[TokenType, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for amount in (self.usd, *self.tokens.values()):
            if not 0 <= amount < math.inf:
                raise ValueError(f"a charge of {amount} is none; give what was spent, 0 or more")


class Flavor(StrEnum):
    """Whose words an answer uses for its usage; the values are genai-prices' own."""

    CHAT = "chat"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    ANTHROPIC = "default"


def price_answer(response: Mapping[str, Any], *, provider: str, model: str, flavor: Flavor) -> Charge:
    """Price an answer by its `usage` in one of the flavors. Never raises for a strange answer.

    `provider` is genai-prices' id; `model` is what was asked for, and serves where the answer names none.
    """
    model = _text(response.get("model")) or model
    usage = response.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    tokens = _tokens(usage) if flavor in _PROMPT_AND_COMPLETION else _input_and_output(usage, flavor)
    reported = _reported_price(usage)
    if reported is not None:
        return Charge(reported, PriceSource.REPORTED, model, tokens)
    listed = _table_price({**response, "model": model}, provider, flavor)
    if listed is not None:
        return Charge(listed, PriceSource.TABLE, model, tokens)
    return Charge(CEILING_USD_PER_CALL, PriceSource.CEILING, model, tokens)


def price_chat_completion(response: Mapping[str, Any], *, provider: str, model: str) -> Charge:
    """Price an answer in the wire format of OpenAI's chat completions, as OpenRouter speaks it too.

    `provider` is genai-prices' id; `model` is what was asked for, and serves where the answer names
    none. OpenRouter reports `usage.cost` in USD. Never raises for a strange answer.
    """
    return price_answer(response, provider=provider, model=model, flavor=Flavor.CHAT)


def _reported_price(usage: Mapping[str, Any]) -> float | None:
    cost = usage.get("cost")
    if isinstance(cost, bool) or not isinstance(cost, int | float):
        return None
    return float(cost) if 0 <= cost <= _MAX_REPORTED_USD else None


def _tokens(usage: Mapping[str, Any]) -> dict[TokenType, int]:
    prompt = _count(usage.get("prompt_tokens"))
    completion = _count(usage.get("completion_tokens"))
    cached = min(_count(_inside(usage, "prompt_tokens_details", "cached_tokens")), prompt)
    reasoning = min(_count(_inside(usage, "completion_tokens_details", "reasoning_tokens")), completion)
    return {
        TokenType.INPUT: prompt - cached,
        TokenType.CACHE_READ: cached,
        TokenType.OUTPUT: completion - reasoning,
        TokenType.REASONING: reasoning,
    }


def _input_and_output(usage: Mapping[str, Any], flavor: Flavor) -> dict[TokenType, int]:
    """OpenAI's responses count cached tokens in the input, Anthropic beside it."""
    taken, given = _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))
    if flavor is Flavor.ANTHROPIC:
        return {
            TokenType.INPUT: taken,
            TokenType.CACHE_READ: _count(usage.get("cache_read_input_tokens")),
            TokenType.CACHE_WRITE: _count(usage.get("cache_creation_input_tokens")),
            TokenType.OUTPUT: given,
        }
    cached = min(_count(_inside(usage, "input_tokens_details", "cached_tokens")), taken)
    reasoning = min(_count(_inside(usage, "output_tokens_details", "reasoning_tokens")), given)
    return {
        TokenType.INPUT: taken - cached,
        TokenType.CACHE_READ: cached,
        TokenType.OUTPUT: given - reasoning,
        TokenType.REASONING: reasoning,
    }


def _table_price(response: Mapping[str, Any], provider: str, flavor: Flavor) -> float | None:
    try:
        from genai_prices import extract_usage

        listed = float(
            extract_usage(dict(response), provider_id=provider, api_flavor=flavor.value)
            .calc_price()
            .total_price
        )
    except ImportError:
        return None
    except Exception as error:  # noqa: BLE001  (a strange answer must never reach the caller's call)
        log.debug("price.not_listed provider=%s error=%s", provider, type(error).__name__)
        return None
    # A listed price of 0 for a paid call is a hole in the table.
    return listed if math.isfinite(listed) and listed > 0 else None


def _inside(usage: Mapping[str, Any], key: str, inner: str) -> object:
    details = usage.get(key)
    return details.get(inner) if isinstance(details, Mapping) else None


def _count(value: object) -> int:
    """A count of tokens; what is none, or more than any model could hold, reads as 0."""
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if 0 < value <= _MAX_TOKENS else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
