from __future__ import annotations

import re
from enum import StrEnum

import pytest

from pipeline.metrics import BreakerState
from sidecar.health import Status
from sidecar.page import words
from sidecar.page.marks import MARKS, mark_name
from sidecar.probes import Reason
from sidecar.state import DependencyState


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (words.STATUSES, Status),
        (words.STATES, DependencyState),
        (words.REASONS, Reason),
        (words.BREAKERS, BreakerState),
    ],
)
def test_everything_that_the_document_can_say_has_words(table: dict[str, str], kind: type[StrEnum]) -> None:
    assert set(table) == set(kind)
    assert len(set(table.values())) == len(table), "two that can't be told apart"


def test_what_is_not_in_the_table_is_shown_as_it_is() -> None:
    assert words.reason_in_words("new") == "new"
    assert words.state_in_words("new") == "new"


def test_every_state_and_status_has_a_shape_of_its_own() -> None:
    assert {mark_name(state) for state in DependencyState} == set(MARKS)
    assert len({mark_name(status) for status in Status}) == len(Status)
    assert mark_name("new") == "unknown"
    shapes = {(mark.outline, mark.sign) for mark in MARKS.values()}
    assert len(shapes) == len({sign for _, sign in shapes}) == len(MARKS)


def luminance(colour: str) -> float:
    parts = [int(part, 16) / 255 for part in re.findall("[0-9a-f]{2}", colour)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", MARKS)
def test_white_is_readable_on_a_badge(name: str) -> None:
    assert 1.05 / (luminance(MARKS[name].colour) + 0.05) >= 4.5
