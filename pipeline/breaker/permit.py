"""The right to make one call, and which calls run inside which."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

SETTLED: Final = -1
EXPIRED: Final = -2


class Permit:
    """The right to make one call; settled once.

    `epoch` is the breaker's state in which it was given, `started` the reading of the breaker's clock, in
    seconds.
    """

    __slots__ = ("_claim", "epoch", "started")

    def __init__(self, epoch: int, started: float) -> None:
        self.epoch = epoch
        self.started = started
        self._claim = True

    @property
    def settled(self) -> bool:
        return not hasattr(self, "_claim")

    def claim(self) -> bool:
        """Whether the caller is the one who settles it: true once, whatever the number of threads."""
        try:
            # One step of the interpreter's, so that it needs no lock.
            del self._claim
        except AttributeError:
            return False
        self.epoch = SETTLED
        return True


Running = tuple[object, Permit | None, "Running | None"]
"""A call that runs in this context: its breaker, its permit unless it joined another's, what it runs in."""

running: Final[ContextVar[Running | None]] = ContextVar("running_breaker_calls", default=None)


def cover(breaker: object, permit: Permit | None) -> None:
    """From here on, calls of this breaker in this context run inside this one, until `uncover`."""
    outer = running.get()
    # What ended in another context (a generator closed elsewhere) was left behind in this one.
    while outer is not None and outer[1] is not None and outer[1].settled:
        outer = outer[2]
    running.set((breaker, permit, outer))


def uncover(breaker: object) -> Running | None:
    """End the breaker's innermost call in this context; None where it was begun in another."""
    found, rest = _without(breaker, running.get())
    if found is not None:
        running.set(rest)
    return found


def _without(breaker: object, chain: Running | None) -> tuple[Running | None, Running | None]:
    """The breaker's innermost call of the chain, and the chain without it."""
    if chain is None or chain[0] is breaker:
        return chain, chain and chain[2]
    found, rest = _without(breaker, chain[2])
    return found, (chain[0], chain[1], rest)
