"""The trials of a half-open breaker: each has a place, and a lease on it."""

from __future__ import annotations

from pipeline.breaker.permit import EXPIRED, Permit


class Trials:
    """Under way, oldest first. To be used under the breaker's lock."""

    def __init__(self, places: int, lease_seconds: float) -> None:
        self._places = places
        self._lease_seconds = lease_seconds
        self._under_way: list[Permit] = []

    def __len__(self) -> int:
        return len(self._under_way)

    def begin(self, permit: Permit) -> None:
        self._under_way.append(permit)

    def end(self, permit: Permit) -> None:
        """Its place is free again; nothing, if it is none of these."""
        if permit in self._under_way:
            self._under_way.remove(permit)

    def forget(self) -> None:
        self._under_way = []

    def have_room(self, now: float) -> bool:
        """A trial that has outlived its lease is given up, so that a hung one cannot wedge the breaker."""
        live = []
        for trial in self._under_way:
            if now - trial.started < self._lease_seconds:
                live.append(trial)
            elif not trial.settled:
                trial.epoch = EXPIRED  # whatever it says later is stale
        self._under_way = live
        return len(live) < self._places

    def first_lease_seconds(self, now: float) -> float | None:
        """How long the oldest trial may hold its place; None where there is none."""
        return self._under_way[0].started + self._lease_seconds - now if self._under_way else None
