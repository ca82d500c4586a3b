"""How long a breaker stays open when its trials fail again and again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.breaker.require import require


@dataclass(frozen=True, slots=True)
class Backoff:
    """Each failed trial multiplies the recovery timeout by `factor`, up to `max_seconds`.

    `jitter` is the share of the timeout that is added at most, at random, so that many workers do not
    try at the same moment. `random` answers a number in [0, 1).

    Raises:
        ValueError: a factor below 1, a negative jitter, a cap that is not positive.
    """

    factor: float = 1.0
    max_seconds: float = 300.0
    jitter: float = 0.0
    random: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        require(self.factor >= 1, "backoff.factor", self.factor, "at least 1")
        require(self.max_seconds > 0, "backoff.max_seconds", self.max_seconds, "more than 0")
        require(self.jitter >= 0, "backoff.jitter", self.jitter, "0 or more")

    def after(self, timeout_seconds: float, recovery_timeout_seconds: float) -> float:
        """The timeout that follows this one; a cap below the recovery timeout changes nothing."""
        longest = max(self.max_seconds, recovery_timeout_seconds)
        return min(timeout_seconds * self.factor, longest)

    def spread(self) -> float:
        """What to multiply the next timeout with."""
        return 1.0 + self.jitter * self.random() if self.jitter else 1.0


CONSTANT = Backoff()
