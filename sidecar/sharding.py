"""Which of several sidecars probe a dependency: rendezvous hashing, so that exactly `replicas` of them do.

Every sidecar works it out alone from the same list of names. When one leaves, the dependencies that it
had go to others, and no other dependency moves.
Thaler, Ravishankar: Using Name-Based Mappings to Increase Hit Rates (1998).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """One sidecar's share: what it is called, among all `members`, `replicas` of which probe a dependency."""

    name: str
    members: frozenset[str]
    replicas: int

    def has(self, dependency: str) -> bool:
        """Whether this sidecar probes it."""
        return self.name in probers(dependency, self.members, self.replicas)


def probers(dependency: str, members: Iterable[str], replicas: int) -> list[str]:
    """Those with the highest weights for this dependency, the highest first; all where there are no more."""
    return sorted(members, key=lambda member: _weight(member, dependency), reverse=True)[:replicas]


def _weight(member: str, dependency: str) -> bytes:
    # NUL is in no name: no two pairs are hashed as the same bytes.
    return hashlib.sha256(f"{member}\0{dependency}".encode()).digest()
