"""Money that is held for a whole job, from which its calls draw."""

from __future__ import annotations

import os
import threading
from contextvars import ContextVar


class Envelope:
    """What is held for a whole job, and how much of it no call has drawn.

    It is the process' that made it: in a forked child nothing can be drawn, and the lock may be anybody's.
    """

    def __init__(self, budget: object, reservation_id: str, amount: int) -> None:
        self.reservation_id = reservation_id
        self._budget = budget
        self._free = amount
        self._under_way = 0
        self._closed = False
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def draw(self, budget: object, amount: int) -> bool:
        """Take it from this budget's envelope, if there is so much."""
        if budget is not self._budget or os.getpid() != self._pid:
            return False
        with self._lock:
            fits = not self._closed and amount <= self._free
            if fits:
                self._free -= amount
                self._under_way += 1
            return fits

    def put_back(self, drawn: int, actual: int) -> bool:
        """The call has ended. Returns whether it was the last one of a job that has ended before it."""
        if os.getpid() != self._pid:
            return False
        with self._lock:
            # Below 0 where calls have cost more than they said: what the others give back makes up for it.
            self._free += drawn - actual
            self._under_way -= 1
            return self._closed and not self._under_way

    def close(self) -> bool:
        """Returns whether nothing is under way any more."""
        if os.getpid() != self._pid:
            return False
        with self._lock:
            self._closed = True
            return not self._under_way


current_envelope: ContextVar[Envelope | None] = ContextVar("envelope", default=None)
"""That of the job that is running; None where nothing is held for it."""
