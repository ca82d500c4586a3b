"""What this process has of a dependency's permits, given out at once from its own memory."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from pipeline.ledger.mongodb.asking import Asking
from pipeline.ledger.mongodb.rate_document import Slots
from pipeline.ledger.mongodb.server_clock import Clock
from pipeline.ledger.protocol import Taken, Wait


class Taker(Asking[Taken | Wait]):
    """A call that waits for permits."""

    def __init__(self, permits: int) -> None:
        super().__init__()
        self.permits = permits


class Refusal(NamedTuple):
    """So many permits are free from `retry_at` on, as was read; believed until `until`."""

    permits: int
    retry_at: float
    until: float


class Permits:
    """Safe in threads; whoever uses `lock` asks nobody while it is held.

    Attributes:
        slot: For which `available` permits were taken; they are used in it or not at all.
        corrections: By slot, what the server is to be told: given back, below 0, or used beyond what was
            taken.
        low: When fewer are available, more should be taken.
        asked_calls, asked_permits: Since these were last set to 0.
    """

    def __init__(self, clock: Clock, slots: Slots, limit: int) -> None:
        self._now = clock.now
        self._slots = slots
        self._limit = limit
        self.lock = threading.RLock()
        self.begin()

    def begin(self) -> None:
        self.slot = 0
        self.available = 0
        self.low = 0
        self.asked_calls = self.asked_permits = 0
        self.paused_until = 0.0
        self.waiting: list[Taker] = []
        self.corrections: defaultdict[int, int] = defaultdict(int)
        self._slot_ends_at = 0.0
        self._refusal = Refusal(0, 0.0, 0.0)

    def take(self, permits: int) -> Taken | Wait | None:
        """From what is there. None: the server has to be asked."""
        now = self._now()
        with self.lock:
            self.asked_calls += 1
            self.asked_permits += permits
            if not permits:
                return Taken(0)
            if now < self.paused_until:
                return Wait(self.paused_until - now)
            if permits > self._limit:
                return Wait(math.inf)
            if permits <= self.available and now < self._slot_ends_at:
                self.available -= permits
                return Taken(permits, self.slot)
            if now < self._refusal.until and permits >= self._refusal.permits:
                return Wait(self._refusal.retry_at - now)
            return None

    def is_good(self, taken: Taken) -> bool:
        """Whether what was taken a moment ago may still be used."""
        return taken.token == self._slots.at(self._now())

    def give_back(self, taken: Taken) -> None:
        with self.lock:
            slot = taken.token
            if not isinstance(slot, int):
                return
            if slot == self.slot:
                self.available += taken.permits
            else:
                self.corrections[slot] -= taken.permits

    def owe(self, permits: int) -> Taken:
        """Used without asking; the server will be told."""
        with self.lock:
            slot = self._slots.at(self._now())
            self.corrections[slot] += permits
            return Taken(permits, slot)

    def enter(self, slot: int) -> None:
        """What is left of another slot is given back, and what nobody counts any more is forgotten."""
        with self.lock:
            if slot != self.slot:
                self.give_up_rest()
                self.slot, self._slot_ends_at = slot, self._slots.end(slot)
            for old in [old for old in self.corrections if self._slots.is_over(old, slot)]:
                del self.corrections[old]

    def give_up_rest(self) -> None:
        with self.lock:
            if self.available:
                self.corrections[self.slot] -= self.available
                self.available = 0

    def corrected(self, corrections: Mapping[int, int]) -> None:
        """The server knows of these now."""
        with self.lock:
            for slot, permits in corrections.items():
                self.corrections[slot] -= permits
                if not self.corrections[slot]:
                    del self.corrections[slot]

    def add(self, slot: int, permits: int) -> None:
        """Permits that were taken on the server for a slot."""
        with self.lock:
            if slot == self.slot:
                self.available += permits
            elif permits:
                self.corrections[slot] -= permits

    def give(self, takers: list[Taker]) -> None:
        """To those who wait, in their order, as far as it goes."""
        with self.lock:
            for taker in takers:
                if taker.permits <= self.available and taker in self.waiting:
                    self.available -= taker.permits
                    self.waiting.remove(taker)
                    taker.answer(Taken(taker.permits, self.slot))

    def refuse(self, taker: Taker, seconds: float, remember_seconds: float) -> None:
        """Tell it how long to wait, and for a moment everyone who asks for as much or more."""
        with self.lock:
            if taker in self.waiting:
                self.waiting.remove(taker)
            now = self._now()
            self._refusal = Refusal(taker.permits, now + seconds, now + min(seconds, remember_seconds))
            taker.answer(Wait(seconds))

    def withdraw(self, taker: Taker) -> Taken | None:
        """It waits no longer. Returns what it was given before that."""
        with self.lock:
            if taker in self.waiting:
                self.waiting.remove(taker)
                return None
            answer = taker.given
            return answer if isinstance(answer, Taken) else None
