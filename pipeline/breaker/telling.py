"""Listeners: told after the breaker's lock is released, transitions in the order in which they happened."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Protocol

from pipeline.forks import hold_over_forks
from pipeline.metrics import BreakerOutcome, BreakerState

log = logging.getLogger(__name__)

Transition = tuple[BreakerState, BreakerState]


class BreakerListener(Protocol):
    """Told of every outcome and transition, after the breaker's lock is released.

    What it raises is logged and swallowed. Transitions come one at a time and in order; outcomes come from
    the thread that settled, several at once.
    """

    def on_outcome(self, outcome: BreakerOutcome) -> None: ...

    def on_transition(self, from_state: BreakerState, to_state: BreakerState) -> None: ...


class Untold:
    """Transitions that a listener has not heard of.

    Two threads that each made one could tell them in the wrong order, and a gauge would keep the wrong
    state. So whoever comes first tells all, the other leaves its own to it.
    """

    __slots__ = ("_listener", "_lock", "_over_forks", "_telling", "_waiting")

    def __init__(self, listener: BreakerListener) -> None:
        self._listener = listener
        self._lock = threading.RLock()
        self._over_forks = hold_over_forks(self._lock)
        self._waiting: deque[Transition] = deque()
        self._telling = False

    def append(self, transition: Transition) -> None:
        """To be called under the breaker's lock, which is what orders them."""
        self._waiting.append(transition)

    def after_fork_in_child(self) -> None:
        """Whoever was telling is not here."""
        self._telling = False

    def tell(self, breaker: object) -> None:
        while True:
            with self._lock:
                if self._telling or not self._waiting:
                    return
                self._telling = True
                transition = self._waiting.popleft()
            try:
                self._listener.on_transition(*transition)
            except Exception:
                log.exception("breaker.listener_failed breaker=%s", breaker)
            finally:
                self._telling = False
