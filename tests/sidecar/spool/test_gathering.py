from __future__ import annotations

from sidecar.spool.gathering import Gathering
from sidecar.spool.rules import Row


def total(rows: list[Row]) -> list[Row]:
    return [[sum(column) for column in zip(*rows, strict=True)]]


def test_a_series_takes_from_each_row_what_is_its_own() -> None:
    # Two layouts, of 2 and of 1 columns, the first with two rows.
    series = [[(0, 1)], [(0, 0), (1, 0)]]
    gathering = Gathering(series, [2, 1], [2, 1])
    assert gathering.reduce([(1, 10), (2, 20), (4,)], total) == [(30, 7)]


def test_a_series_that_stands_in_a_file_twice_counts_twice() -> None:
    assert Gathering([[(0, 0), (0, 1)]], [2], [1]).reduce([(1, 2)], total) == [(3,)]


def test_no_series_is_no_row() -> None:
    assert Gathering([], [3], [2]).reduce([(1, 2, 3)] * 2, total) == []


def test_workers_with_series_of_their_own_cost_no_more_than_their_series() -> None:
    """A place for each series in each worker's row would be 300 times 300."""
    items = 0

    def counting(rows: list[Row]) -> list[Row]:
        nonlocal items
        items += sum(map(len, rows))
        return total(rows)

    workers = range(300)
    gathering = Gathering([[(worker, 0)] for worker in workers], [1] * 300, [1] * 300)
    assert gathering.reduce([(worker,) for worker in workers], counting) == [tuple(workers)]
    assert items == 300
