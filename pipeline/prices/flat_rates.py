"""The table's arithmetic for the models that have one rate for each kind of token, which are most.

genai-prices takes a tenth of a millisecond for any answer; for these the same sum takes a hundredth of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from pipeline.metrics import TokenType
from pipeline.prices.usage import Flavor, Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

_INPUT: Final = TokenType.INPUT
_CACHE_READ: Final = TokenType.CACHE_READ
_CACHE_WRITE: Final = TokenType.CACHE_WRITE
_TOKENS_PER_RATE: Final = 1_000_000
_UNITS_PER_USD: Final = 10**12
"""Whole numbers are added up exactly and fast; what a rate has beyond so many digits has no whole number."""

_UNITS_PER_RATE: Final = _UNITS_PER_USD * _TOKENS_PER_RATE

_KINDS: Final[Mapping[str, str]] = {
    "input_mtok": "input_tokens",
    "cache_read_mtok": "cache_read_tokens",
    "cache_write_mtok": "cache_write_tokens",
    "output_mtok": "output_tokens",
}
"""The prices that are known here, and what genai-prices calls the tokens that they are for."""


class FlatRates(NamedTuple):
    """What a million tokens of each kind cost, in 10⁻¹² USD.

    Cached tokens without a rate cost what others do.
    """

    input: int
    cache_read: int
    cache_write: int
    output: int

    def price(self, usage: Usage) -> float:
        """To the last digit what genai-prices says."""
        tokens = usage.tokens
        total = (
            tokens.get(_INPUT, 0) * self.input
            + tokens.get(_CACHE_READ, 0) * self.cache_read
            + tokens.get(_CACHE_WRITE, 0) * self.cache_write
            + usage.output_tokens * self.output
        )
        return total / _UNITS_PER_RATE


def flat_rates(source: Provider, info: ModelInfo, flavor: Flavor) -> FlatRates | None:
    """None where a price depends on the hour, the tier or the size of the request, or is for anything else.

    Likewise where genai-prices reads an answer's usage in other places than `count_tokens` does.
    """
    from genai_prices.types import ModelPrice

    if not isinstance(info.prices, ModelPrice) or info.price_variants:
        return None
    rates = {key: rate for key, rate in vars(info.prices).items() if rate is not None}
    if not rates.keys() <= _KINDS.keys() or not {"input_mtok", "output_mtok"} <= rates.keys():
        return None
    if not all(isinstance(rate, Decimal) for rate in rates.values()):
        return None
    units = {key: rate * _UNITS_PER_USD for key, rate in rates.items()}
    if not all(amount == int(amount) for amount in units.values()):
        return None
    if not _are_where_we_look(source, flavor):
        return None
    plain = units["input_mtok"]
    kinds = (plain, units.get("cache_read_mtok", plain), units.get("cache_write_mtok", plain))
    return FlatRates(*map(int, (*kinds, units["output_mtok"])))


def _are_where_we_look(source: Provider, flavor: Flavor) -> bool:
    extractors = (extractor for extractor in source.extractors or () if extractor.api_flavor == flavor.value)
    extractor = next(extractors, None)
    if extractor is None or extractor.root != "usage":
        return False
    places = {
        (mapping.dest, mapping.path if isinstance(mapping.path, str) else ".".join(map(str, mapping.path)))
        for mapping in extractor.mappings
        if mapping.dest in _KINDS.values()
    }
    return places == _PLACES.get(flavor)


def _places_of(taken: str, given: str) -> set[tuple[str, str]]:
    return {
        ("input_tokens", taken),
        ("cache_read_tokens", f"{taken}_details.cached_tokens"),
        ("cache_write_tokens", f"{taken}_details.cache_write_tokens"),
        ("output_tokens", given),
    }


_PLACES: Final = {
    Flavor.CHAT: _places_of("prompt_tokens", "completion_tokens"),
    Flavor.RESPONSES: _places_of("input_tokens", "output_tokens"),
}
