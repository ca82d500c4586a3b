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
