"""What one call cost, and whose word for it that is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline.metrics import PriceSource, TokenType

_INFINITE: Final = math.inf


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call cost. `tokens` are disjoint by type.

    `table_usd` is what the price table says, where the provider reported another price or the same.

    Raises:
        ValueError: a cost or count that is negative or not finite, which no counter could take back; or
            what is no label.
    """

    usd: float
    source: PriceSource
    model: str
    tokens: Mapping[TokenType, int] = field(default_factory=dict)
    table_usd: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.model, str) or not isinstance(self.source, PriceSource):
            raise ValueError(f"a charge by {self.source!r} of {self.model!r}; give a PriceSource and a name")  # noqa: TRY004
        _check(self.usd)
        if self.table_usd is not None:
            _check(self.table_usd)
        for kind, count in self.tokens.items():
            if not isinstance(kind, TokenType):
                raise ValueError("a charge of tokens that are of no TokenType")  # noqa: TRY004
            _check(count)


def _check(amount: float) -> None:
    if not 0 <= amount < _INFINITE:
        raise ValueError(f"a charge of {amount} is none; give what was spent, 0 or more")
