from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from pipeline.garbage import OBJECTS_BETWEEN, collect_seldom
from tests.collected import collections_during

PYTHONS_OWN = (700, 10, 10)


class InACycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    gc.set_threshold(*PYTHONS_OWN)  # a test of `pipeline run` in this process may have changed it
    yield
    gc.set_threshold(*threshold)


def make_objects(count: int) -> None:
    for _ in range(count):
        InACycle()


def test_new_objects_are_looked_at_less_often_but_still_are() -> None:
    before = collections_during(lambda: make_objects(2 * OBJECTS_BETWEEN))
    collect_seldom()
    assert 0 < collections_during(lambda: make_objects(2 * OBJECTS_BETWEEN)) < before / 5


def test_what_is_there_is_left_to_itself() -> None:
    there = [InACycle() for _ in range(100)]
    collect_seldom()
    assert not any(found is there[0] for found in gc.get_objects())
