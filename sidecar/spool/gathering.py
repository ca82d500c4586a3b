"""From many files' rows to the series they are of: which items belong together.

As much memory as there are items: series that only one file has, as gauges with the worker in a label
are, don't cost a place in the rows of all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Any

from sidecar.spool.rules import Row

Column = tuple[int, int]
"""Number of the layout, and of the column in it."""


class Gathering:
    """Where each series' items are, in the rows of all layouts one after the other."""

    def __init__(
        self, series: Sequence[Sequence[Column]], widths: Sequence[int], rows: Sequence[int]
    ) -> None:
        """Take the columns of each series; and of each layout how long a row is, and how many there are."""
        starts = list(
            accumulate((width * count for width, count in zip(widths, rows, strict=True)), initial=0)
        )
        by_count: dict[int, list[tuple[int, list[int]]]] = {}
        for place, columns in enumerate(series):
            items = [
                starts[layout] + row * widths[layout] + index
                for layout, index in columns
                for row in range(rows[layout])
            ]
            by_count.setdefault(len(items), []).append((place, items))
        self._groups = [
            [gather(column) for column in zip(*(items for _, items in group), strict=True)]
            for group in by_count.values()
        ]
        places = [place for group in by_count.values() for place, _ in group]
        self._in_order = gather(sorted(range(len(places)), key=places.__getitem__))

    def reduce(self, rows: Iterable[Row], reduce: Callable[[list[Row]], list[Row]]) -> list[Row]:
        """What `reduce` makes of the items of each series: a few rows, with an item for each."""
        items: list[Any] = []
        for row in rows:
            items += row
        reduced = [reduce([gathered(items) for gathered in group]) for group in self._groups]
        return [
            self._in_order([item for part in parts for item in part]) for parts in zip(*reduced, strict=True)
        ]


def gather(indices: Sequence[int]) -> Callable[[Row], tuple[Any, ...]]:
    """Items at these indices, in one call."""
    if not indices:
        return lambda _row: ()
    if len(indices) == 1:
        only = indices[0]
        return lambda row: (row[only],)
    return itemgetter(*indices)
