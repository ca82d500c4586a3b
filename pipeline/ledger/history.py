"""What was spent by day and layer, in a stretch of cells: as many days as fit, then the oldest gives way."""

from __future__ import annotations

from collections.abc import MutableSequence
from datetime import date
from typing import Final

from pipeline.ledger.protocol import Spent
from pipeline.metrics import LAYER_NAME, NO_LAYER

MAX_DAYS: Final = 400
MAX_LAYERS: Final = 24
"""What others spend is counted under `none`."""

_CELLS_PER_NAME: Final = 5
_NAME_BYTES: Final = _CELLS_PER_NAME * 8
_CELLS_PER_DAY: Final = 1 + MAX_LAYERS
_NAMES: Final = MAX_LAYERS * _CELLS_PER_NAME
_MOST: Final = 1 << 62
SIZE: Final = _NAMES + MAX_DAYS * _CELLS_PER_DAY


class History:
    """Whoever calls holds the cells' lock."""

    def __init__(self, values: MutableSequence[int], start: int) -> None:
        """It takes `SIZE` cells from `start` on."""
        self._values = values
        self._names_at = start
        self._days_at = start + _NAMES
        self._columns: dict[str, int] = {}

    def add(self, day: date, layer: str, spent_nano_usd: int) -> None:
        ordinal = day.toordinal()
        row = self._days_at + ordinal % MAX_DAYS * _CELLS_PER_DAY
        values = self._values
        if values[row] != ordinal:
            for cell in range(row + 1, row + _CELLS_PER_DAY):
                values[cell] = 0
            values[row] = ordinal
        cell = row + 1 + self._column(layer)
        # In a file of somebody else's making it may be anything; here it is never too much for an int64.
        values[cell] = min(max(values[cell], 0) + spent_nano_usd, _MOST)

    def rows(self) -> list[Spent]:
        """Oldest first; nothing where nothing was spent."""
        names = [self._name(column) for column in range(MAX_LAYERS)]
        found = []
        for row in range(MAX_DAYS):
            at = self._days_at + row * _CELLS_PER_DAY
            ordinal = self._values[at]
            # What is none in a file of somebody else's making is left out.
            if not 0 < ordinal <= date.max.toordinal() or ordinal % MAX_DAYS != row:
                continue
            found += [
                Spent(date.fromordinal(ordinal), name, spent)
                for column, name in enumerate(names)
                if name and (spent := self._values[at + 1 + column]) > 0
            ]
        return sorted(found)

    def _column(self, layer: str) -> int:
        """The first is that of `none`. A name, once written, keeps its column."""
        column = self._columns.get(layer)
        if column is None:
            column = self._columns[layer] = self._find_column(layer)
        return column

    def _find_column(self, layer: str) -> int:
        if layer == NO_LAYER or not LAYER_NAME.fullmatch(layer):
            return 0
        for column in range(1, MAX_LAYERS):
            name = self._name(column)
            if not name:
                self._write_name(column, layer)
            if not name or name == layer:
                return column
        return 0

    def _name(self, column: int) -> str:
        if column == 0:
            return NO_LAYER
        start = self._names_at + column * _CELLS_PER_NAME
        cells = self._values[start : start + _CELLS_PER_NAME]
        text = b"".join(int(cell).to_bytes(8, "big", signed=True) for cell in cells).rstrip(b"\0")
        name = text.decode("ascii", "replace")
        return name if LAYER_NAME.fullmatch(name) else ""

    def _write_name(self, column: int, name: str) -> None:
        encoded = name.encode().ljust(_NAME_BYTES, b"\0")
        start = self._names_at + column * _CELLS_PER_NAME
        # Last its beginning: a name half written by one who died is none.
        for cell in reversed(range(_CELLS_PER_NAME)):
            chunk = encoded[cell * 8 : cell * 8 + 8]
            self._values[start + cell] = int.from_bytes(chunk, "big", signed=True)
