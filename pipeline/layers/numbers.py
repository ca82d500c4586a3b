"""The numbers of a text, however they are written: `38,000`, `38k`, `thirty-eight thousand` are one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Final

from pipeline.layers.vocabulary import ABBREVIATED_SCALES, NUMBER_WORDS, SCALES

_WORDS: Final = "|".join((*NUMBER_WORDS, *SCALES, *ABBREVIATED_SCALES))
# Not the digits of a name, as in B2B or S3; and no words inside others.
_TOKEN: Final = re.compile(
    r"(?<![^\W\d_])(?:(?P<digits>\d(?:[\d.,'’\u00a0\u2009\u202f]*\d)?)"
    rf"|(?P<word>{_WORDS})(?![^\W\d_]))"
)
_JOINS: Final = re.compile(r"[-\s]?|\s+(and)\s+")
_NO_DIGITS: Final = re.compile(r"[^\d.]")
_MAX_SCALED_CHARS: Final = 30
_HUNDRED: Final = 100
_HIGHEST: Final = 10**18
"""Nobody means more: `million million million` goes on for as long as somebody likes."""


def numbers_in(text: str) -> frozenset[str]:
    """In digits, without separators: `400,000` is 400000, `two` is 2, `1.5m` is 1500000, `two dozen` is 24.

    `one` alone is none: it rarely counts anything.
    """
    return frozenset(_numbers(text))


def _numbers(text: str) -> Iterator[str]:
    number = _Number()
    end = 0
    small = text.lower()
    for token in _TOKEN.finditer(small):
        joins = _JOINS.fullmatch(small, end, token.start())
        end = token.end()
        digits, word = token["digits"], token["word"]
        if word is not None and joins is not None and number.goes_on(word, has_and=joins[1] is not None):
            continue
        yield from number.ended()
        number = _Number(digits or "")
        if word is not None:
            number.goes_on(word)
    yield from number.ended()


class _Number:
    """A number that may go on with the next word."""

    def __init__(self, digits: str = "") -> None:
        self._digits = _NO_DIGITS.sub("", digits.replace(",", "")).strip(".")
        self._is_scaled = False
        self._last: Decimal | None = None
        self._total = self._part = Decimal(0)
        if 0 < len(self._digits) <= _MAX_SCALED_CHARS:
            with suppress(InvalidOperation):  # 1.2.3
                self._part = self._last = Decimal(self._digits)

    def goes_on(self, word: str, *, has_and: bool = False) -> bool:
        """Take one more word into the number, after an `and` or not; False where it is no part of it."""
        if has_and and (
            self._digits or self._last is None or self._last < _HUNDRED or word not in NUMBER_WORDS
        ):
            return False
        scale = SCALES.get(word)
        if scale is None and self._digits and not self._is_scaled:
            scale = ABBREVIATED_SCALES.get(word)
        if scale is not None:
            return self._take_scale(Decimal(scale))
        value = NUMBER_WORDS.get(word)
        return value is not None and not self._digits and self._take(Decimal(value))

    def ended(self) -> Iterator[str]:
        if self._digits and not self._is_scaled:
            yield self._digits
        elif self._last is not None and (self._is_scaled or self._total + self._part != 1):
            value = self._total + self._part
            yield str(int(value)) if value == value.to_integral_value() else f"{value.normalize():f}"

    def _take(self, value: Decimal) -> bool:
        """`thirty` then `eight`, `hundred` then `eight`; not `two` then `three`."""
        is_unit_of_tens = self._last in _TENS and value < 10
        is_rest = self._last is not None and self._last >= _HUNDRED
        if self._last is not None and not (is_unit_of_tens or is_rest):
            return False
        self._part += value
        self._last = value
        return True

    def _take_scale(self, scale: Decimal) -> bool:
        if self._digits and self._last is None:
            return False
        if (self._total + self._part) * scale > _HIGHEST:
            return False
        if scale <= _HUNDRED:
            self._part = (self._part or 1) * scale
        else:
            self._total += (self._part or (0 if self._total else 1)) * scale
            self._part = Decimal(0)
        self._last, self._is_scaled = scale, True
        return True


_TENS: Final = frozenset(Decimal(tens) for tens in range(20, 100, 10))
