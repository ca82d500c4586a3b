"""How many files' values of one series become one, by the rules of prometheus_client's multiprocess mode.

A row is one file's contribution, an item for each column; a rule takes rows to one row. To let other
threads run it goes by slices: one call over 100,000 columns of 64 files would hold them up for 0.1 s.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar, Final

Row = Sequence[Any]

_ITEMS_A_SLICE: Final = 50_000


class Rule(ABC):
    stamped: ClassVar[bool] = False
    """Whether timestamps count."""

    def rows(self, values: Sequence[float], timestamps: Sequence[float]) -> list[Row]:  # noqa: ARG002
        """What a worker's file contributes."""
        return [values]

    def rows_of_merged(self, values: Sequence[float], timestamps: Sequence[float]) -> list[Row]:
        """What a file of the merged dead contributes."""
        return self.rows(values, timestamps)

    @abstractmethod
    def reduce(self, rows: list[Row]) -> list[Row]:
        """A few rows that are worth as much as these."""

    @abstractmethod
    def values(self, rows: list[Row]) -> list[float]:
        """What is exposed."""


class Sum(Rule):
    """The exact sum, rounded once: merging files, or listing them in another order, moves it no step back."""

    def rows_of_merged(self, values: Sequence[float], timestamps: Sequence[float]) -> list[Row]:
        # Compaction keeps there what the merged value has lost by rounding.
        return [values, timestamps] if any(timestamps) else [values]

    def reduce(self, rows: list[Row]) -> list[Row]:
        total = self.values(rows)
        return [total, self.values([*rows, [-value if math.isfinite(value) else 0.0 for value in total]])]

    def values(self, rows: list[Row]) -> list[float]:
        try:
            return _in_slices(map(math.fsum, zip(*rows, strict=True)), len(rows))
        except (ValueError, OverflowError):
            return _in_slices(map(_add_any, zip(*rows, strict=True)), len(rows))


class Choice(Rule):
    """One of the values, as prometheus_client chooses it."""

    def __init__(self, choose: Callable[[Any], Any]) -> None:
        self._choose = choose

    def reduce(self, rows: list[Row]) -> list[Row]:
        return [_in_slices(map(self._choose, zip(*rows, strict=True)), len(rows))]

    def values(self, rows: list[Row]) -> list[float]:
        return list(self.reduce(rows)[0])


class Latest(Choice):
    """The value that was set last; one that nobody ever set is there with what it began with."""

    stamped = True

    def __init__(self) -> None:
        super().__init__(max)

    def rows(self, values: Sequence[float], timestamps: Sequence[float]) -> list[Row]:
        return [[(at if at > 0 else 0.0, value) for value, at in zip(values, timestamps, strict=True)]]

    def values(self, rows: list[Row]) -> list[float]:
        return [value for _, value in self.reduce(rows)[0]]


def _last(column: Sequence[float]) -> float:
    """Each file's series have its worker in a label; of two that are the same by that the last counts."""
    return column[-1]


_BY_MODE: Final[dict[str, Rule]] = {
    "": Sum(),
    "sum": Sum(),
    "min": Choice(min),
    "max": Choice(max),
    "mostrecent": Latest(),
    "all": Choice(_last),
}


def rule_of(mode: str) -> Rule:
    """The rule of a gauge's mode, `live…` or not, or of other types' empty one."""
    return _BY_MODE[mode.removeprefix("live")]


def _in_slices(items: Iterator[Any], rows: int) -> list[Any]:
    at_once = 1 + _ITEMS_A_SLICE // rows
    taken: list[Any] = []
    while part := list(islice(items, at_once)):
        taken += part
    return taken


def _add_any(column: tuple[float, ...]) -> float:
    """Infinities of both signs give NaN, as they do where values are added one by one."""
    try:
        return math.fsum(column)
    except (ValueError, OverflowError):
        return sum(column, 0.0)
