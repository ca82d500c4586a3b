"""The last runs of one probe, for debugging; bounded, and nothing in it is shown elsewhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sidecar.probes import ProbeResult
from sidecar.state import DependencyState

KEPT_RESULTS: Final = 20
KEPT_FAILURES: Final = 20


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run, that ended at the Unix time `ended_at`, and the state after it."""

    ended_at: float
    result: ProbeResult
    state: DependencyState


class History:
    """The last results, and the last failures kept apart, so that successes don't push them out."""

    def __init__(self) -> None:
        self._results: deque[PastRun] = deque(maxlen=KEPT_RESULTS)
        self._failures: deque[PastRun] = deque(maxlen=KEPT_FAILURES)

    def add(self, run: PastRun) -> None:
        self._results.append(run)
        if not run.result.success:
            self._failures.append(run)

    def results(self) -> Iterator[PastRun]:
        """Newest first."""
        return reversed(self._results)

    def failures(self) -> Iterator[PastRun]:
        """Newest first."""
        return reversed(self._failures)
