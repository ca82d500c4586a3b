"""What the page shows of the past: told of every run, and bounded."""

from __future__ import annotations

from collections.abc import Collection

from sidecar.changes import Change, Changes
from sidecar.history import PastRun
from sidecar.latency import Latencies
from sidecar.spending import Spending
from sidecar.state import DependencyState


class Recent:
    """The last hour's latencies and spending, and the last changes of state."""

    def __init__(self) -> None:
        self.latencies = Latencies()
        self.changes = Changes()
        self.spending = Spending()

    def note_run(self, dependency: str, run: PastRun, before: DependencyState) -> None:
        """Take in one run of a probe; `before` is the state that it found."""
        result = run.result
        self.latencies.note(dependency, run.ended_at, result.duration_seconds, success=result.success)
        first_good_run = (before, run.state) == (DependencyState.UNKNOWN, DependencyState.UP)
        if run.state is not before and not first_good_run:
            self.changes.add(Change(run.ended_at, dependency, before, run.state, result.reason))

    def forget_all_but(self, names: Collection[str]) -> None:
        """Drop the latencies of dependencies that are watched no more; what happened to them stays told."""
        self.latencies.forget_all_but(names)
