"""The published prices: genai-prices, imported at the first call that needs it, which takes 0.2 s.

Models are looked up here and not by its own functions, which keep every name that they ever saw.
"""

from __future__ import annotations

import functools
import logging
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pipeline.metrics import TokenType
from pipeline.prices.flat_rates import FlatRates, flat_rates
from pipeline.prices.usage import Flavor, Usage, plain, usage_of

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, PriceVariant, Provider

log = logging.getLogger(__name__)

MAX_CALL_USD: Final = 10_000.0
"""No single call costs more; what says so is not believed."""

_MAX_MODEL_NAME_CHARS: Final = 200
_REMEMBERED_MODELS: Final = 256

_TEXT: Final = re.compile(r"(input|cache_read|cache_write(_5m|_1h)?)_mtok")
_INPUT: Final = re.compile(r"(input|cache)_\w*mtok")
_OUTPUT: Final = re.compile(r"output_\w*mtok")
_SEARCHES: Final = re.compile(r"web_searches_kcount")
"""genai-prices' names for the prices of a million tokens, and of a thousand searches."""


class Rates(NamedTuple):
    """The most that can be asked in USD for a token of text that is sent, and one of the answer.

    And for a token of what else the model takes in (sounds, pictures), and for a search on the web.
    """

    input_usd: float
    output_usd: float
    other_input_usd: float
    search_usd: float = 0.0


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


def table_rates(
    provider: str, model: str, *, service_tier: str | None = None, speed: str | None = None
) -> Rates | None:
    """The model's dearest rates: for any size of the request, written to a cache or not, heard or read.

    `service_tier` and `speed` are what is asked for. A provider may have set another tier for whoever asks
    for none, and none is faster than it was asked to be. None where the table has no rates.
    """
    try:
        lasting = _lasting_rates(provider, model, service_tier, speed)
        return _rates_now(provider, model, service_tier, speed) if lasting is None else lasting
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
def _lasting_rates(provider: str, model: str, service_tier: str | None, speed: str | None) -> Rates | None:
    """None where they go by the day or the hour, too."""
    entry = _find(provider, model)
    if entry is None or isinstance(entry[1].prices, list):
        return None
    return _dearest_rates(entry[1].prices, _variants(entry[1], service_tier, speed))


def _rates_now(provider: str, model: str, service_tier: str | None, speed: str | None) -> Rates | None:
    entry = _find(provider, model)
    if entry is None:
        return None
    prices = entry[1].get_prices(datetime.now(UTC))
    return _dearest_rates(prices, _variants(entry[1], service_tier, speed))


def _variants(info: ModelInfo, service_tier: str | None, speed: str | None) -> Iterable[PriceVariant]:
    """Those that may hold for such a request, whenever they begin to."""
    for variant in info.price_variants or ():
        tier = variant.when.get("service_tier")
        is_tier = service_tier is None or tier is None or tier == service_tier
        if is_tier and variant.when.get("speed") in (None, speed):
            yield variant


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
        _, counted = source.extract_usage({"usage": plain(usage_of(answer))}, api_flavor=flavor.value)
    except (ValueError, KeyError, TypeError, RecursionError):
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
    stated = {"service_tier": answer.get("service_tier"), "speed": usage_of(answer).get("speed")}
    return {key: value for key, value in stated.items() if isinstance(value, str)}


def _dearest_rates(prices: ModelPrice, variants: Iterable[PriceVariant]) -> Rates | None:
    listed = {key: [price] for key, price in vars(prices).items()}
    for variant in variants:
        for key, price in vars(variant.prices).items():
            listed.setdefault(key, []).append(price)

    def dearest(kind: re.Pattern[str]) -> float:
        fitting = (price for key in listed if kind.fullmatch(key) for price in listed[key])
        return max(map(_dearest, fitting), default=0.0)

    if dearest(_TEXT) <= 0:
        return None
    text_usd, output_usd, input_usd = (dearest(kind) / 1e6 for kind in (_TEXT, _OUTPUT, _INPUT))
    return Rates(text_usd, output_usd, input_usd, dearest(_SEARCHES) / 1e3)


def _dearest(price: Any) -> float:  # noqa: ANN401
    if price is None:
        return 0.0
    if hasattr(price, "base"):
        return max(float(price.base), *(float(tier.price) for tier in price.tiers))
    return float(price)
