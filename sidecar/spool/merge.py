"""Many workers' rows to one set of families, by the rules of prometheus_client's multiprocess mode.

What goes where depends on the files' keys alone. It is worked out once for a set of `Columns`, and worked
out again only when that set changes; from reading to reading only the values are merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from sidecar.exposition.table import TableFamily
from sidecar.spool.columns import Columns
from sidecar.spool.gathering import Gathering, gather
from sidecar.spool.placing import Placed, place
from sidecar.spool.rules import Row, rule_of


class Kind(NamedTuple):
    """All files that are merged by one rule."""

    type: str
    mode: str

    def worker_in_labels(self, worker: str) -> str:
        """The worker if it becomes a label, else nothing."""
        return worker if self.mode.endswith("all") else ""


class Layout(NamedTuple):
    """What decides where a file's values go: its keys, and its worker where that is a label."""

    columns: Columns
    worker: str


@dataclass(slots=True)
class Rows:
    """All rows of one layout."""

    rows: list[Row] = field(default_factory=list)
    is_live: bool = False


Merged = dict[Kind, dict[Layout, Rows]]


class _Plan:
    """Where the values of files with these layouts go."""

    def __init__(self, kind: Kind, layouts: Iterable[Layout]) -> None:
        self.layouts = frozenset(layouts)
        self._rule = rule_of(kind.mode)
        # In an order of their own, and not in that of a directory.
        self._order = sorted(layouts, key=lambda layout: (-len(layout.columns.keys), layout.worker))
        self._placed: Placed = place(kind.type, kind.mode, self._order)
        # All files have the same keys, and no two of one series: merged first, put in order then.
        self._is_uniform = len(self._order) == 1 and all(
            len(columns) == 1 for columns in self._placed.columns
        )
        self._put_in_order = gather([columns[0][1] for columns in self._placed.columns])
        self._counts: list[int] = []
        self._gathering: Gathering | None = None

    def families(self, by_layout: dict[Layout, Rows]) -> Iterator[TableFamily]:
        values = self._values(by_layout)
        for part in self._placed.parts:
            yield TableFamily(part.table, part.values(values))

    def _values(self, by_layout: dict[Layout, Rows]) -> list[float]:
        rows = [by_layout[layout].rows for layout in self._order]
        if self._is_uniform:
            return list(self._put_in_order(self._rule.values(rows[0])))
        counts = [len(of_layout) for of_layout in rows]
        if self._gathering is None or counts != self._counts:
            widths = [len(layout.columns.keys) for layout in self._order]
            self._gathering = Gathering(self._placed.columns, widths, counts)
            self._counts = counts
        merged = self._gathering.reduce(chain.from_iterable(rows), lambda items: [self._rule.values(items)])
        return list(*merged)


class Merger:
    """Merges one reading after the other."""

    def __init__(self) -> None:
        self._plans: dict[Kind, _Plan] = {}

    def merge(self, merged: Merged) -> list[TableFamily]:
        """One family a name, in order of name.

        Of two kinds under one name the one with a living file is kept, else the first in order of kind.
        """
        kinds = sorted(merged, key=lambda kind: (not _lives(merged[kind]), kind))
        self._plans = {kind: self._plan(kind, merged[kind]) for kind in kinds}
        families: dict[str, TableFamily] = {}
        for kind in kinds:
            for family in self._plans[kind].families(merged[kind]):
                families.setdefault(family.table.exposed_name, family)
        return [families[name] for name in sorted(families)]

    def _plan(self, kind: Kind, by_layout: dict[Layout, Rows]) -> _Plan:
        plan = self._plans.get(kind)
        if plan is None or plan.layouts != by_layout.keys():
            plan = _Plan(kind, by_layout)
        return plan


def _lives(by_layout: dict[Layout, Rows]) -> bool:
    return any(rows.is_live for rows in by_layout.values())
