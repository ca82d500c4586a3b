"""The last changes of state, newest first; bounded, and the only past that the page tells of in words."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sidecar.probes import Reason
from sidecar.state import DependencyState

KEPT_CHANGES: Final = 50


@dataclass(frozen=True, slots=True)
class Change:
    """At the Unix time `at` a dependency went from one state to another; `reason` is None when it is well."""

    at: float
    dependency: str
    from_state: DependencyState
    to_state: DependencyState
    reason: Reason | None


class Changes:
    """Those of all dependencies together."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque(maxlen=KEPT_CHANGES)

    def add(self, change: Change) -> None:
        self._changes.appendleft(change)

    def __iter__(self) -> Iterator[Change]:
        return iter(tuple(self._changes))
