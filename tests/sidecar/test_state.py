from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.probes import ProbeOptions, ProbeResult, Reason
from sidecar.state import DependencyState, StateMachine

GOOD, BAD, QUOTA = ProbeResult(0.1), ProbeResult(0.1, Reason.STATUS), ProbeResult(0.1, Reason.QUOTA)
INTERNAL = ProbeResult(0.1, Reason.INTERNAL)
SLOW, LOST = ProbeResult(2.0), ProbeResult(0.1, Reason.CONNECT)


def states(*results: ProbeResult, **options: Any) -> list[str]:
    machine = StateMachine(ProbeOptions(**options))
    return [machine.observe(result).value for result in results]


@pytest.mark.parametrize(
    ("options", "results", "expected"),
    [
        ({}, [GOOD], "up"),
        ({}, [BAD], "unknown"),
        ({}, [BAD, BAD], "unknown down"),
        ({"failures_to_down": 1}, [BAD], "down"),
        ({}, [GOOD, BAD, GOOD, BAD, GOOD], "up up up up up"),
        ({}, [GOOD, BAD, BAD, GOOD], "up up down up"),
        ({"successes_to_up": 3}, [BAD, BAD, GOOD, GOOD, GOOD], "unknown down down down up"),
        ({"successes_to_up": 2}, [BAD, BAD, GOOD, BAD, GOOD, GOOD], "unknown down down down down up"),
        ({}, [QUOTA, QUOTA, QUOTA], "degraded degraded degraded"),
        ({"successes_to_up": 2}, [BAD, BAD, QUOTA, GOOD, GOOD], "unknown down degraded degraded up"),
        ({}, [GOOD, INTERNAL, GOOD], "up unknown up"),
        ({}, [BAD, QUOTA, BAD, BAD], "unknown degraded degraded down"),
        ({"degraded_above_seconds": 1}, [SLOW, GOOD], "degraded up"),
        (
            {"degraded_above_seconds": 1, "successes_to_up": 2},
            [BAD, BAD, SLOW, SLOW],
            "unknown down down degraded",
        ),
        ({}, [SLOW], "up"),
    ],
)
def test_the_state_follows_the_results(options: Any, results: list[ProbeResult], expected: str) -> None:
    assert states(*results, **options) == expected.split()


def test_without_a_network_of_its_own_it_blames_nobody_and_forgets_nothing() -> None:
    machine = StateMachine(ProbeOptions())
    machine.observe(LOST)
    assert machine.observe(LOST, own_network_is_up=False) is DependencyState.UNKNOWN
    assert machine.observe(LOST, own_network_is_up=False) is DependencyState.UNKNOWN
    assert machine.observe(LOST) is DependencyState.DOWN


def test_a_lost_network_shortens_no_way_back_up() -> None:
    machine = StateMachine(ProbeOptions(successes_to_up=3))
    for result in (BAD, BAD):
        machine.observe(result)
    machine.observe(LOST, own_network_is_up=False)
    assert [machine.observe(GOOD).value for _ in range(3)] == ["down", "down", "up"]


def test_an_answer_counts_whatever_the_reference_says() -> None:
    machine = StateMachine(ProbeOptions(failures_to_down=1))
    assert machine.observe(GOOD, own_network_is_up=False) is DependencyState.UP
    assert machine.observe(BAD, own_network_is_up=False) is DependencyState.DOWN


@given(st.lists(st.sampled_from([GOOD, BAD, QUOTA, SLOW]), max_size=30), st.integers(1, 4), st.integers(1, 4))
def test_down_only_after_enough_failures_in_a_row(results: list[ProbeResult], down: int, up: int) -> None:
    followed = states(*results, failures_to_down=down, successes_to_up=up)
    for position, state in enumerate(followed):
        previous = followed[position - 1] if position else "unknown"
        if state == "down" and previous != "down":
            assert all(result is BAD for result in results[position - down + 1 : position + 1])
            assert position + 1 >= down
        if previous == "down" and state == "up":
            assert all(result.success for result in results[position - up + 1 : position + 1])
