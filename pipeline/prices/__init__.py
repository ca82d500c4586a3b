"""Usage to USD. A paid call is never free: what can't be priced costs its provider's ceiling.

Order of trust: what the provider reports, the user's own prices, the published table, the ceiling.

    charge.py     what one call cost
    usage.py      the tokens that an answer states
    table.py      genai-prices
    overrides.py  the user's own prices, from a file
    pricing.py    `Prices`: whose word is taken
"""

from pipeline.prices.charge import Charge
from pipeline.prices.overrides import Overrides, OverridesError, read_overrides
from pipeline.prices.pricing import (
    CEILING_CREDITS_PER_CALL,
    CEILING_USD_PER_CALL,
    CEILING_USD_PER_CREDIT,
    Prices,
)
from pipeline.prices.usage import Flavor, as_mapping

__all__ = [
    "CEILING_CREDITS_PER_CALL",
    "CEILING_USD_PER_CALL",
    "CEILING_USD_PER_CREDIT",
    "Charge",
    "Flavor",
    "Overrides",
    "OverridesError",
    "Prices",
    "as_mapping",
    "price_answer",
    "price_chat_completion",
    "read_overrides",
]

_WITHOUT_OVERRIDES = Prices()


def price_answer(answer: object, *, provider: str, model: str, flavor: Flavor) -> Charge:
    """As `Prices.of_answer`, without prices of the user's own."""
    return _WITHOUT_OVERRIDES.of_answer(answer, provider=provider, model=model, flavor=flavor)


def price_chat_completion(answer: object, *, provider: str, model: str) -> Charge:
    """As `price_answer`, for OpenAI's chat completions, which OpenRouter speaks too."""
    return price_answer(answer, provider=provider, model=model, flavor=Flavor.CHAT)
