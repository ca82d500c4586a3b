from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from pipeline.garbage import OBJECTS_BETWEEN, collect_seldom


class InACycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)


def collections_while_making(objects: int) -> int:
    phases: list[str] = []

    def note(phase: str, _info: dict[str, int]) -> None:
        phases.append(phase)

    gc.callbacks.append(note)
    try:
        for _ in range(objects):
            InACycle()
    finally:
        gc.callbacks.remove(note)
    return phases.count("stop")


def test_new_objects_are_looked_at_less_often_but_still_are() -> None:
    before = collections_while_making(2 * OBJECTS_BETWEEN)
    collect_seldom()
    assert 0 < collections_while_making(2 * OBJECTS_BETWEEN) < before / 5


def test_what_is_there_is_left_to_itself() -> None:
    there = [InACycle() for _ in range(100)]
    collect_seldom()
    assert not any(found is there[0] for found in gc.get_objects())
