"""The published prices: genai-prices, imported at the first call that needs it, which takes 0.2 s.

Models are looked up here and not by its own functions, which keep every name that they ever saw.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pipeline.metrics import TokenType
from pipeline.prices.flat_rates import FlatRates, flat_rates
from pipeline.prices.usage import Flavor, Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

log = logging.getLogger(__name__)

MAX_CALL_USD: Final = 10_000.0
"""No single call costs more; what says so is not believed."""

_MAX_MODEL_NAME_CHARS: Final = 200
_REMEMBERED_MODELS: Final = 256


class Rates(NamedTuple):
    """The most that a token of the prompt and one of the answer can cost, in USD."""

    input_usd: float
    output_usd: float


def table_price(
    answer: Mapping[str, Any], usage: Usage, *, provider: str, model: str, flavor: Flavor
) -> float | None:
    """What the answer cost by the table; None where it doesn't say. Never raises."""
    try:
        flat = _flat_rates(provider, model, flavor)
        if flat is not None:
            usd = flat.price(usage)
        else:
            entry = _find(provider, model)
            if entry is None:
                return None
            usd = _price(*entry, answer, usage, flavor)
    except ImportError:
        return None
    except Exception as error:  # noqa: BLE001  (a strange answer must never reach the caller's call)
        log.debug("price.not_listed provider=%s error=%s", provider, type(error).__name__)
        return None
    # A listed price of 0 for a paid call is a hole in the table.
    return usd if math.isfinite(usd) and 0 < usd <= MAX_CALL_USD else None


def table_rates(provider: str, model: str) -> Rates | None:
    """The model's dearest rates: of any tier, written to a cache or not. None where the table has none."""
    try:
        lasting = _lasting_rates(provider, model)
        return _rates_now(provider, model) if lasting is None else lasting
    except Exception as error:  # noqa: BLE001  (ImportError among them: then there is no table)
        log.debug("price.no_rates provider=%s error=%s", provider, type(error).__name__)
        return None


def context_window(provider: str, model: str) -> int | None:
    """How many tokens the model takes at most; None where the table doesn't say."""
    try:
        entry = _find(provider, model)
    except Exception as error:  # noqa: BLE001  (ImportError among them: then there is no table)
        log.debug("price.no_context provider=%s error=%s", provider, type(error).__name__)
        return None
    return None if entry is None else entry[1].context_window


@functools.lru_cache(maxsize=_REMEMBERED_MODELS)
def _find(provider: str, model: str) -> tuple[Provider, ModelInfo] | None:
    from genai_prices.data_snapshot import find_provider_by_id, get_snapshot

    if not 0 < len(model) <= _MAX_MODEL_NAME_CHARS:
        return None
    providers = get_snapshot().providers
    source = find_provider_by_id(providers, provider)
    info = None if source is None else source.find_model(model, all_providers=providers)
    return None if source is None or info is None else (source, info)


@functools.lru_cache(maxsize=_REMEMBERED_MODELS)
def _flat_rates(provider: str, model: str, flavor: Flavor) -> FlatRates | None:
    entry = _find(provider, model)
    return None if entry is None else flat_rates(*entry, flavor)


@functools.lru_cache(maxsize=_REMEMBERED_MODELS)
def _lasting_rates(provider: str, model: str) -> Rates | None:
    """None where they go by the day or the hour, too."""
    entry = _find(provider, model)
    if entry is None or isinstance(entry[1].prices, list):
        return None
    return _dearest_rates(entry[1].prices)


def _rates_now(provider: str, model: str) -> Rates | None:
    entry = _find(provider, model)
    return None if entry is None else _dearest_rates(entry[1].get_prices(datetime.now(UTC)))


def _price(
    source: Provider, info: ModelInfo, answer: Mapping[str, Any], usage: Usage, flavor: Flavor
) -> float:
    counted = _as_reported(source, answer, flavor) if usage.is_credible and usage.is_consistent else None
    if counted is None:
        counted = _as_counted(usage)
    price = info.calc_price(
        counted,
        source,
        genai_request_timestamp=datetime.now(UTC),
        price_context=_context(answer),
    )
    return float(price.total_price)


def _as_reported(source: Provider, answer: Mapping[str, Any], flavor: Flavor) -> Any:  # noqa: ANN401
    """With all that is priced apart: audio, hours of caching, searches. None where it can't be read."""
    try:
        _, counted = source.extract_usage({"usage": answer["usage"]}, api_flavor=flavor.value)
    except (ValueError, KeyError, TypeError):
        return None
    return counted


def _as_counted(usage: Usage) -> Any:  # noqa: ANN401
    from genai_prices import Usage as TableUsage

    return TableUsage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.tokens.get(TokenType.CACHE_READ, 0),
        cache_write_tokens=usage.tokens.get(TokenType.CACHE_WRITE, 0),
        output_tokens=usage.output_tokens,
    )


def _context(answer: Mapping[str, Any]) -> dict[str, str]:
    """What a request can pay more or less for: OpenAI's and Anthropic's word for it."""
    usage = answer.get("usage")
    speed = usage.get("speed") if isinstance(usage, (dict, Mapping)) else None
    stated = {"service_tier": answer.get("service_tier"), "speed": speed}
    return {key: value for key, value in stated.items() if isinstance(value, str)}


def _dearest_rates(prices: ModelPrice) -> Rates | None:
    inputs = ("input_mtok", "cache_write_mtok", "cache_write_5m_mtok", "cache_write_1h_mtok")
    outputs = ("output_mtok", "output_reasoning_mtok")
    dearest = [
        max((_dearest(getattr(prices, key, None)) for key in keys), default=0.0) for keys in (inputs, outputs)
    ]
    return Rates(*(usd / 1e6 for usd in dearest)) if dearest[0] > 0 else None


def _dearest(price: Any) -> float:  # noqa: ANN401
    if price is None:
        return 0.0
    if hasattr(price, "base"):
        return max(float(price.base), *(float(tier.price) for tier in price.tiers))
    return float(price)
