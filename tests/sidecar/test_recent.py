from __future__ import annotations

import sys

import pytest

from sidecar.changes import KEPT_CHANGES
from sidecar.history import PastRun
from sidecar.latency import MINUTES, Latencies, LatencyHistory, Minute
from sidecar.probes import ProbeResult, Reason
from sidecar.recent import Recent
from sidecar.spending import Spending
from sidecar.state import DependencyState

NOW = 1_800_000_000.0
EMPTY = Minute(None, 0)
UP, DOWN, UNKNOWN = DependencyState.UP, DependencyState.DOWN, DependencyState.UNKNOWN


def test_a_minute_tells_its_slowest_good_run_and_counts_the_bad() -> None:
    history = LatencyHistory()
    for seconds, success in ((0.25, True), (0.5, True), (0.125, True), (5.0, False)):
        history.note(NOW, seconds, success=success)
    assert history.minutes(NOW) == [EMPTY] * (MINUTES - 1) + [Minute(0.5, 1)]


def test_an_hour_later_nothing_of_it_is_left() -> None:
    history = LatencyHistory()
    history.note(NOW, 0.25, success=True)
    assert history.minutes(NOW + 59 * 60)[0] == Minute(0.25, 0)
    assert history.minutes(NOW + 60 * 60) == [EMPTY] * MINUTES
    history.note(NOW + 60 * 60, 0.5, success=True)
    assert history.minutes(NOW + 60 * 60) == [EMPTY] * (MINUTES - 1) + [Minute(0.5, 0)]


def test_a_gap_in_the_runs_is_a_gap_in_the_hour() -> None:
    history = LatencyHistory()
    history.note(NOW, 0.25, success=True)
    history.note(NOW + 180, 0.5, success=True)
    assert history.minutes(NOW + 180)[-4:] == [Minute(0.25, 0), EMPTY, EMPTY, Minute(0.5, 0)]


def test_a_clock_that_was_set_back_breaks_nothing() -> None:
    history = LatencyHistory()
    history.note(NOW, 0.25, success=True)
    history.note(NOW - 7200, 0.5, success=True)
    history.note(NOW - 60, 0.125, success=True)
    assert history.minutes(NOW)[-2:] == [Minute(0.125, 0), Minute(0.25, 0)]


def test_an_hour_of_a_thousand_dependencies_takes_less_than_a_megabyte() -> None:
    history = LatencyHistory()
    for run in range(10_000):
        history.note(NOW + run, 0.25, success=run % 2 == 0)
    size = sys.getsizeof(history._slowest) + sys.getsizeof(history._failures)
    assert 1000 * size < 1_000_000


def test_what_is_watched_no_more_is_forgotten() -> None:
    latencies = Latencies()
    for name in ("kept", "gone"):
        latencies.note(name, NOW, 0.25, success=True)
    latencies.forget_all_but({"kept"})
    assert latencies.minutes("kept", NOW)[-1] == Minute(0.25, 0)
    assert latencies.minutes("gone", NOW) == []


def run(state: DependencyState, reason: Reason | None = None, at: float = NOW) -> PastRun:
    return PastRun(at, ProbeResult(0.25, reason), state)


def test_changes_are_told_newest_first_with_their_reason() -> None:
    recent = Recent()
    recent.note_run("a", run(UP), UNKNOWN)
    recent.note_run("a", run(UP, Reason.TIMEOUT), UP)
    recent.note_run("a", run(DOWN, Reason.TIMEOUT, NOW + 1), UP)
    recent.note_run("a", run(UP, None, NOW + 2), DOWN)
    told = [(change.from_state, change.to_state, change.reason) for change in recent.changes]
    assert told == [(DOWN, UP, None), (UP, DOWN, Reason.TIMEOUT)]


def test_as_many_changes_are_kept_as_are_shown() -> None:
    recent = Recent()
    for number in range(KEPT_CHANGES + 10):
        recent.note_run(f"a{number}", run(DOWN, Reason.DNS), UP)
    assert len(list(recent.changes)) == KEPT_CHANGES


@pytest.mark.parametrize(
    ("samples", "usd_per_hour"),
    [
        ([], None),
        ([(NOW, 1.0)], None),
        ([(NOW, 1.0), (NOW + 59, 2.0)], None),
        ([(NOW, 1.0), (NOW + 1800, 2.0)], 2.0),
        ([(NOW, 9.0), (NOW + 900, 0.0), (NOW + 1800, 1.0)], 4.0),
        ([(NOW, 1.0), (NOW + 60, 1.0)], 0.0),
    ],
    ids=["nothing", "one sample", "too short", "pace", "began anew", "nothing spent"],
)
def test_the_pace_of_spending_is_that_of_what_is_known(
    samples: list[tuple[float, float]], usd_per_hour: float | None
) -> None:
    spending = Spending()
    for at, spent_usd in samples:
        spending.note(at, spent_usd)
    assert spending.usd_per_hour() == usd_per_hour
