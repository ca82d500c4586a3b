"""What this process holds of the budget, divided among its calls: at once, in its own memory."""

from __future__ import annotations

import re
import secrets
import threading
from hashlib import blake2b
from typing import Final, NamedTuple

from pipeline.ledger.history import MAX_LAYERS
from pipeline.ledger.mongodb.asking import Asking
from pipeline.ledger.mongodb.connection import Connection
from pipeline.ledger.mongodb.hold import Hold
from pipeline.ledger.periods import DAY_SECONDS, day_begin, day_of
from pipeline.ledger.protocol import Granted, Refused
from pipeline.metrics import LAYER_NAME, NO_LAYER

GRANTED: Final = Granted()
GRANTED_BEYOND: Final = Granted(is_within_limit=False)
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Reserving(Asking[Granted | Refused]):
    """A call that waits for money."""

    def __init__(self, reservation_id: str, amount_nano_usd: int, layer: str, *, enforce: bool) -> None:
        super().__init__()
        self.reservation_id = reservation_id
        self.amount_nano_usd = amount_nano_usd
        self.layer = layer
        self.enforce = enforce


class Reservation(NamedTuple):
    hold: Hold
    amount_nano_usd: int


class Shares:
    """Safe in threads; whoever uses `lock` asks nobody while it is held.

    Attributes:
        leased: From what calls of this process are served; None before the first lease, and where each
            call has a hold of its own.
        usable_until: Unix time from which nothing of `leased` is given out: its lease or period ends.
        low_nano_usd: When less is available, more should be leased.
        asked_calls, asked_nano_usd: How many have asked for how much since these were last set to 0.
    """

    def __init__(self, connection: Connection, *, leases: bool, lease_seconds: float) -> None:
        """With `leases`, calls are served from one hold of this process; without, each has its own."""
        self.lease_seconds = lease_seconds
        self._connection = connection
        self._now = connection.clock.now
        self._leases = leases
        self.lock = threading.RLock()
        self.begin()

    def begin(self) -> None:
        self.leased: Hold | None = None
        self.usable_until = 0.0
        self.low_nano_usd = 0
        self.asked_calls = self.asked_nano_usd = 0
        self.holds: dict[str, Hold] = {}
        self.waiting: list[Reserving] = []
        self._reservations: dict[str, Reservation] = {}
        self._layers: set[str] = set()
        self._today, self._today_ends = "", 0.0

    def take(self, reservation_id: str, amount_nano_usd: int) -> bool | None:
        """Take it from what is leased.

        Returns:
            None where that isn't enough. Otherwise whether what is left is little.
        """
        now = self._now()
        with self.lock:
            self.asked_calls += 1
            self.asked_nano_usd += amount_nano_usd
            if reservation_id in self._reservations:
                return False
            hold = self.leased
            if hold is None or now >= self.usable_until:
                return None
            left = hold.available_nano_usd - amount_nano_usd
            if left < 0:
                return None
            self.reserve(reservation_id, amount_nano_usd, hold)
            return left < self.low_nano_usd

    def reserve(self, reservation_id: str, amount_nano_usd: int, hold: Hold) -> None:
        hold.in_flight_nano_usd += amount_nano_usd
        hold.calls += 1
        self._reservations[reservation_id] = Reservation(hold, amount_nano_usd)

    def is_reserved(self, reservation_id: str) -> bool:
        return reservation_id in self._reservations

    def spend(self, reservation_id: str, actual_nano_usd: int, layer: str) -> Hold | None:
        with self.lock:
            found = self._reservations.get(reservation_id)
            if found is None:
                return None
            drawn = min(actual_nano_usd, found.amount_nano_usd)
            found.hold.in_flight_nano_usd -= drawn
            self._reservations[reservation_id] = Reservation(found.hold, found.amount_nano_usd - drawn)
            found.hold.spend(actual_nano_usd, day=self.today(), layer=self._layer(layer))
            return found.hold

    def settle(self, reservation_id: str, actual_nano_usd: int, layer: str) -> Hold | None:
        with self.lock:
            found = self._reservations.pop(reservation_id, None)
            if found is None:
                return None
            found.hold.in_flight_nano_usd -= found.amount_nano_usd
            found.hold.calls -= 1
            found.hold.spend(actual_nano_usd, day=self.today(), layer=self._layer(layer))
            return found.hold

    def withdraw(self, asking: Reserving) -> bool:
        """Whoever asked waits no longer. True: it was granted before that."""
        with self.lock:
            asking.is_withdrawn = True
            if asking in self.waiting:
                self.waiting.remove(asking)
            return asking.reservation_id in self._reservations

    def grant(self, asking: Reserving, hold: Hold, *, is_within_limit: bool) -> None:
        """Give it the money, unless it waits no longer. With the lock held."""
        if asking in self.waiting:
            self.waiting.remove(asking)
        if not asking.is_withdrawn:
            if asking.reservation_id not in self._reservations:
                self.reserve(asking.reservation_id, asking.amount_nano_usd, hold)
            asking.answer(GRANTED if is_within_limit else GRANTED_BEYOND)

    def refuse(self, asking: Reserving, answer: Refused) -> None:
        with self.lock:
            if asking in self.waiting:
                self.waiting.remove(asking)
            asking.answer(answer)

    def own_hold(self, asking: Reserving, document_id: str) -> Hold:
        """For this call alone, under its reservation's id."""
        name = asking.reservation_id
        if not _PLAIN_ID.fullmatch(name):  # it is a field's name on the server
            name = blake2b(name.encode(), digest_size=16).hexdigest()
        if name in self.holds:  # the same was asked before
            return self.new_hold(document_id, asking.layer)
        return self._add(Hold(name, document_id, self._layer(asking.layer)))

    def new_hold(self, document_id: str, layer: str) -> Hold:
        return self._add(Hold(self._new_name(), document_id, self._layer(layer)))

    def lease_hold(self, document_id: str) -> Hold:
        """One for the calls of this process from now on."""
        self.leased = self.new_hold(document_id, NO_LAYER)
        self.usable_until = 0.0
        return self.leased

    def debtor(self, asking: Reserving, document_id: str) -> Hold:
        """What a call is served from that can't wait for the server: it will be told.

        Not under the reservation's id: under that one may have been opened.
        """
        if not self._leases:
            return self.new_hold(document_id, asking.layer)
        return self.lease_hold(document_id) if self.leased is None else self.leased

    def prepare(self, hold: Hold, extra_nano_usd: int, *, if_remains: bool, closes: bool = False) -> None:
        """The hold's next turn is pending from now on."""
        hold.tell(
            extra_nano_usd,
            owner=self._connection.owner,
            day=self.today(),
            lease_ends_at=int((self._now() + self.lease_seconds) * 1000),
            if_remains=if_remains,
            closes=closes,
        )

    def begin_anew(self, hold: Hold) -> None:
        """It was never opened, and never will be under its name."""
        del self.holds[hold.hold_id]
        hold.begin_anew(self._new_name())
        self._add(hold)

    def _new_name(self) -> str:
        return f"{self._connection.owner}-{secrets.token_hex(4)}"

    def _add(self, hold: Hold) -> Hold:
        self.holds[hold.hold_id] = hold
        return hold

    def drop(self, hold: Hold) -> None:
        self.holds.pop(hold.hold_id, None)
        if self.leased is hold:
            self.leased = None

    def _layer(self, name: str) -> str:
        """A field's name on the server: of a closed set, and not many."""
        if name not in self._layers:
            if len(self._layers) >= MAX_LAYERS or not LAYER_NAME.fullmatch(name):
                return NO_LAYER
            self._layers.add(name)
        return name

    def today(self) -> str:
        """The day in UTC, by the server's clock."""
        now = self._now()
        if now >= self._today_ends:
            self._today, self._today_ends = day_of(now).isoformat(), day_begin(now) + DAY_SECONDS
        return self._today
