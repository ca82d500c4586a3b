from __future__ import annotations

import asyncio

import pytest

from sidecar.shared import Shared
from tests.sidecar.scripted import settle


class Slow:
    """Computes when it is let; each result is its number."""

    def __init__(self) -> None:
        self.began = 0
        self.go_on = asyncio.Event()

    async def __call__(self) -> int:
        self.began += 1
        number = self.began
        await self.go_on.wait()
        return number


async def test_all_who_ask_together_share_one_computation() -> None:
    slow = Slow()
    shared = Shared(slow)
    slow.go_on.set()
    assert await asyncio.gather(*(shared.get() for _ in range(100))) == [1] * 100


async def test_nobody_is_given_what_was_begun_before_they_asked() -> None:
    slow = Slow()
    shared = Shared(slow)
    early = asyncio.create_task(shared.get())
    await settle()
    late = [asyncio.create_task(shared.get()) for _ in range(3)]
    await settle()
    assert slow.began == 1, "one at a time"
    slow.go_on.set()
    assert await early == 1
    assert await asyncio.gather(*late) == [2, 2, 2]


async def test_who_stops_waiting_stops_nobody_else() -> None:
    slow = Slow()
    shared = Shared(slow)
    impatient, patient = asyncio.create_task(shared.get()), asyncio.create_task(shared.get())
    await settle()
    impatient.cancel()
    slow.go_on.set()
    assert await patient == 1


async def test_a_failure_is_told_and_does_not_last() -> None:
    failing = True

    async def compute() -> str:
        if failing:
            raise LookupError
        return "well"

    shared = Shared(compute)
    with pytest.raises(LookupError):
        await shared.get()
    failing = False
    assert await shared.get() == "well"
