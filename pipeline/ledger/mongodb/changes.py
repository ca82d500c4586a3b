"""One atomic step on one document. Pure: nothing here asks a server."""

from __future__ import annotations

from typing import Any, NamedTuple

Document = dict[str, Any]


class Change(NamedTuple):
    """The update is made if the filter matches."""

    filter: Document
    update: Document


class Sums:
    """Amounts to add, by field; each becomes one `$inc`, as a field may be there once only."""

    def __init__(self, **amounts: int) -> None:
        self._amounts = amounts

    def add(self, name: str, amount: int) -> None:
        self._amounts[name] = self._amounts.get(name, 0) + amount

    def change(self, where: Document, changes: Document) -> Change:
        """With further changes, by operator."""
        increments = {name: amount for name, amount in self._amounts.items() if amount}
        return Change(where, _int64s(({"$inc": increments} if increments else {}) | changes))


def _int64s(changes: Document) -> Document:
    """Numbers as int64 however small: an int32 may stay one on a server, and overflow."""
    from bson import Int64

    return {
        key: _int64s(value) if isinstance(value, dict) else Int64(value) if type(value) is int else value
        for key, value in changes.items()
    }
