"""One process's share of a period's budget, as the process and the server know it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pipeline.ledger.mongodb.budget_document import Turn


class Hold:
    """Held on the server as one entry; divided among calls here. Not safe in threads by itself.

    Attributes:
        document_id: Of the period that it belongs to.
        sequence: How many turns the server has made of it; 0: it is not open.
        leased_nano_usd: What the server holds in it.
        in_flight_nano_usd: What is reserved of it, for so many `calls`.
        pending: Told, and not known whether it was heard.
        expired: The server's entry, where the server took this process for lost.
        is_lost: The server has forgotten it; what was leased is spent.
    """

    def __init__(self, hold_id: str, document_id: str, layer: str) -> None:
        self.hold_id = hold_id
        self.document_id = document_id
        self.layer = layer
        self.sequence = 0
        self.leased_nano_usd = 0
        self.in_flight_nano_usd = 0
        self.calls = 0
        self.pending: Turn | None = None
        self.expired: Mapping[str, Any] | None = None
        self.is_lost = False
        self._opening_may_be_late = False
        self._untold: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._untold_nano_usd = 0

    @property
    def available_nano_usd(self) -> int:
        """Free for further calls; below 0 where they have cost more than was leased.

        What is being given back is not: the server may have granted it to another by now.
        """
        leaving = 0 if self.pending is None else min(0, self.pending.extra_nano_usd)
        return self.leased_nano_usd + leaving - self._untold_nano_usd - self.in_flight_nano_usd

    @property
    def has_to_tell(self) -> bool:
        """Something was spent that the server doesn't know of, or the server's answer is missing."""
        return self._untold_nano_usd > 0 or self.pending is not None

    @property
    def is_idle(self) -> bool:
        return self.calls == 0

    def spend(self, nano_usd: int, *, day: str, layer: str) -> None:
        if nano_usd > 0 and not self.is_lost:
            self._untold[day, layer] += nano_usd
            self._untold_nano_usd += nano_usd

    def tell(
        self, extra_nano_usd: int, *, owner: str, day: str, lease_ends_at: int, if_remains: bool, closes: bool
    ) -> Turn:
        """The next turn; pending from now on."""
        self.pending = told = Turn(
            hold_id=self.hold_id,
            owner=owner,
            layer=self.layer,
            day=day,
            lease_ends_at=lease_ends_at,
            sequence=self.sequence,
            # One that opens only opens: told twice, it must be the same.
            spent=dict(self._untold) if self.sequence else {},
            extra_nano_usd=extra_nano_usd,
            if_remains=if_remains,
            closes=closes,
            leaves_mark=self._opening_may_be_late,
            expired=self.expired,
        )
        return told

    def retell(self, expired: Mapping[str, Any]) -> None:
        """The server took this process for lost: the pending turn is to take that back too."""
        self.expired = expired
        if self.pending is not None:
            self.pending = replace(self.pending, expired=expired)

    def made(self) -> None:
        """The server has made the pending turn."""
        told, self.pending, self.expired = self.pending, None, None
        if told is None:
            return
        for key, amount in told.spent.items():
            self._untold[key] -= amount
            self._untold_nano_usd -= amount
            if not self._untold[key]:
                del self._untold[key]
        self.leased_nano_usd += told.extra_nano_usd - sum(told.spent.values())
        self.sequence += 1

    def refused(self) -> None:
        """The server has not made the pending turn, nor will it."""
        self.pending = None

    def unheard(self) -> None:
        """Nobody knows whether the server has made the pending turn, or will yet."""
        if self.pending is not None and self.pending.sequence == 0:
            self._opening_may_be_late = True

    def begin_anew(self, hold_id: str) -> None:
        """Not open, under another name; what it owes stays."""
        self.hold_id = hold_id
        self.pending = None
        self._opening_may_be_late = False

    def lose(self) -> None:
        self.is_lost = True
        self.pending = None
        self._untold.clear()
        self._untold_nano_usd = 0
        self.leased_nano_usd = self.in_flight_nano_usd
