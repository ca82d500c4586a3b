"""How much is leased beyond what is needed now, so that not every call asks the server."""

from __future__ import annotations

from typing import Final

_AHEAD_SECONDS: Final = 0.25
"""A lease should last so long."""

_MIN_CALLS_PER_SECOND: Final = 20
"""Below that each call asks by itself: nothing is leased that another process could need."""


class Cushion:
    """Follows the rate at which this process asks; never much of what is left for the others."""

    def __init__(self, most: int, *, share: int) -> None:
        """At most `most`, and a `share`th part of what remains."""
        self._most = most
        self._share = share
        self._at: float | None = None
        self.size = 0

    def follow(self, calls: int, amount: int, now: float) -> None:
        """So many calls have taken that much since the last time; `now` by any clock."""
        since, self._at = self._at, now
        if since is None:
            return
        elapsed = max(now - since, 1e-3)
        if calls >= max(2, _MIN_CALLS_PER_SECOND * elapsed):
            self.size = int(min(self._most, amount / elapsed * _AHEAD_SECONDS))
        elif elapsed >= _AHEAD_SECONDS or calls:
            self.size = 0

    def to_lease(self, available: int, wanted: int, remaining: int) -> int:
        """How much more to lease; below 0: so much to give back. Small differences are left alone."""
        size = max(0, min(self.size, (remaining + available - wanted) // self._share))
        left = available - wanted
        if size // 2 <= left <= 2 * size:
            return 0
        return size - left
