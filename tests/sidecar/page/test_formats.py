from __future__ import annotations

import pytest

from sidecar.latency import Minute
from sidecar.page import formats
from sidecar.page.sparkline import HEIGHT, WIDTH, sparkline


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "< 1 ms"),
        (0.0004, "< 1 ms"),
        (0.012, "12 ms"),
        (0.0994, "99 ms"),
        (0.0996, "0.1 s"),
        (0.48, "0.48 s"),
        (5.0, "5 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (200.0, "3 min 20 s"),
        (3600.0, "1 h"),
        (90_000.0, "1 d 1 h"),
    ],
)
def test_durations(value: float | None, text: str) -> None:
    assert formats.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "$0.00"),
        (0.0024, "$0.0024"),
        (0.07, "$0.07"),
        (0.1, "$0.10"),
        (81.375, "$81.38"),
        (1234567.0, "$1,234,567.00"),
    ],
)
def test_money(value: float, text: str) -> None:
    assert formats.usd(value) == text


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (-5, "0 s ago"),
        (0.9, "0 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7199, "1 h ago"),
        (1e6, "11 d ago"),
    ],
)
def test_how_long_ago(passed: float, text: str) -> None:
    assert formats.ago(1000.0, 1000.0 + passed) == text


def test_what_turns_the_text_around_it_is_made_visible() -> None:
    assert formats.visible("a\u202eb\u2066c\x00d\ne") == "a�b�c�d�e"
    assert formats.visible("مرحبا 👩‍🚀 é") == "مرحبا 👩‍🚀 é"


def test_no_line_is_drawn_of_nothing() -> None:
    assert sparkline([]) is None
    assert sparkline([Minute(None, 0)] * 60) is None


def test_a_line_has_gaps_where_nothing_is_known_and_stays_in_its_frame() -> None:
    drawn = sparkline([Minute(0.1, 0), Minute(0.3, 0), Minute(None, 2), Minute(0.2, 0)])
    assert drawn is not None
    assert drawn.line.count("M") == 2
    assert drawn.failures.count("M") == 1
    assert drawn.words == "latency of the last hour: typically 0.2 s, at most 0.3 s, failures in 1 minute"
    points = [point.split() for point in drawn.line.replace("h0", "").replace("M", "L").split("L") if point]
    assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in points)


def test_an_hour_of_failures_alone_is_told_too() -> None:
    drawn = sparkline([Minute(None, 1)] * 60)
    assert drawn is not None
    assert (drawn.line, drawn.words) == ("", "latency of the last hour: no good run, failures in 60 minutes")
