"""circuitbreaker's monitor, without holding what nobody else holds.

`CircuitBreakerMonitor` keeps every breaker in a dict for ever, and a second breaker of a name replaces the
first. Ours are held weakly, the parent's own as strongly as before; a second one of a name takes the name,
as `CircuitBreakerMonitor.get` promises, and the first stays listed as `name#2`.
"""

from __future__ import annotations

import threading
import weakref
from itertools import count
from typing import Any

from circuitbreaker import CircuitBreaker, CircuitBreakerMonitor

from pipeline.forks import hold_over_forks

_lock = threading.RLock()
_over_forks = hold_over_forks(_lock)


class Registry(weakref.WeakValueDictionary[str, Any]):
    """What `CircuitBreakerMonitor.circuit_breakers` becomes with our first breaker."""

    def __init__(self, found: dict[str, CircuitBreaker]) -> None:
        super().__init__()
        self._held: dict[str, CircuitBreaker] = {}
        for name, breaker in found.items():
            self[name] = breaker

    def __setitem__(self, name: str, breaker: CircuitBreaker) -> None:
        """The parent's registration: its own breakers live on though nobody else holds them."""
        self._make_room_for(name, breaker)
        self._held[name] = breaker
        super().__setitem__(name, breaker)

    def add(self, breaker: CircuitBreaker) -> None:
        """List one of ours under its name, once, for as long as someone else holds it."""
        if not any(listed is breaker for listed in self.values()):
            self._make_room_for(breaker.name, breaker)
            super().__setitem__(breaker.name, breaker)

    def _make_room_for(self, name: str, breaker: CircuitBreaker) -> None:
        known = self.get(name)
        if known is None or known is breaker:
            return
        free = next(key for number in count(2) if (key := f"{name}#{number}") not in self)
        super().__setitem__(free, known)
        if name in self._held:
            self._held[free] = self._held.pop(name)


def register(breaker: CircuitBreaker) -> None:
    with _lock:
        registry = CircuitBreakerMonitor.circuit_breakers
        if not isinstance(registry, Registry):
            # Tests put a dict of their own there; ours takes its place and keeps what is in it.
            registry = CircuitBreakerMonitor.circuit_breakers = Registry(registry)
        registry.add(breaker)
