"""Usage to USD. A paid call is never free: what can't be priced costs its provider's ceiling.

Order of trust: what the provider reports, then the published price table of genai-prices, then the
ceiling. The table is imported at the first call that needs it: it takes a quarter of a second.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.metrics import PriceSource, TokenType

log = logging.getLogger(__name__)

CEILING_USD_PER_CALL = 0.25
"""Charged for an LLM call that no source can price: what a long answer of a dear model may cost."""

_MAX_TOKENS = 1_000_000_000
_MAX_REPORTED_USD = 10_000.0
"""No single call costs more; what says so is not believed."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call cost. `tokens` are disjoint by type."""

    usd: float
    source: PriceSource
    model: str
    tokens: Mapping[TokenType, int] = field(default_factory=dict)


def price_chat_completion(response: Mapping[str, Any], *, provider: str, model: str) -> Charge:
    """Price an answer in the wire format of OpenAI's chat completions, as OpenRouter speaks it too.

    `provider` is genai-prices' id; `model` is what was asked for, and serves where the answer names
    none. OpenRouter reports `usage.cost` in USD. Never raises for a strange answer.
    """
    model = _text(response.get("model")) or model
    usage = response.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    tokens = _tokens(usage)
    reported = _reported_price(usage)
    if reported is not None:
        return Charge(reported, PriceSource.REPORTED, model, tokens)
    listed = _table_price(response, provider)
    if listed is not None:
        return Charge(listed, PriceSource.TABLE, model, tokens)
    return Charge(CEILING_USD_PER_CALL, PriceSource.CEILING, model, tokens)


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


def _table_price(response: Mapping[str, Any], provider: str) -> float | None:
    try:
        from genai_prices import extract_usage

        listed = float(
            extract_usage(dict(response), provider_id=provider, api_flavor="chat").calc_price().total_price
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
