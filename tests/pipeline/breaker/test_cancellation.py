"""Cancelled wherever it waits, a call settles its permit once and leaves nothing behind."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from typing import Any

import pytest

from pipeline.breaker import Breaker
from tests.clock import Clock
from tests.pipeline.breaker.told import Told, half_open


@types.coroutine
def step() -> Generator[None, None, None]:
    """One point at which a coroutine waits."""
    yield


async def work() -> None:
    await step()
    try:
        await step()
    finally:
        await step()


async def elements() -> AsyncIterator[int]:
    try:
        for number in range(2):
            await step()
            yield number
    finally:
        await step()


async def decorated(breaker: Breaker) -> None:
    await breaker(work)()


async def nested(breaker: Breaker) -> None:
    await breaker.call_async(breaker(work))


async def block(breaker: Breaker) -> None:
    async with breaker:
        await work()


async def answer_to_await(breaker: Breaker) -> None:
    def begin() -> Coroutine[Any, Any, None]:
        return work()

    await breaker.call(begin)


async def iteration(breaker: Breaker) -> None:
    steps = breaker(elements)()
    try:
        async for _ in steps:
            await step()
    finally:
        await steps.aclose()  # type: ignore[attr-defined]


async def block_with_two_breakers(breaker: Breaker) -> None:
    async with breaker, Breaker(name="other"):
        await iteration(breaker)


SCENARIOS = [decorated, nested, block, answer_to_await, iteration, block_with_two_breakers]


def drive(coroutine: Coroutine[Any, Any, None], cancel_at: set[int]) -> int:
    """Run it, cancelled at these of its steps; how many steps it made."""
    for number in range(1000):
        try:
            if number in cancel_at:
                coroutine.throw(asyncio.CancelledError())
            else:
                coroutine.send(None)
        except (StopIteration, asyncio.CancelledError):
            return number
    raise AssertionError("it never ended")


@pytest.mark.parametrize("again", [None, 1, 2], ids=["once", "again at once", "again later"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_wherever_it_is_cancelled_the_permit_is_settled_once(
    scenario: Callable[[Breaker], Coroutine[Any, Any, None]], again: int | None
) -> None:
    steps = drive(scenario(half_open(Clock())), set())
    assert steps > 2
    for at in range(1, steps):
        clock, told = Clock(), Told()
        breaker = half_open(clock, listener=told)
        drive(scenario(breaker), {at} if again is None else {at, at + again})
        assert not breaker.joined()
        assert len(breaker._trials) == 0
        assert told.outcomes[3:] in (["ignored"], ["success"])
        assert breaker.closed == (told.outcomes[3:] == ["success"])
        breaker.call(lambda: None)
        assert breaker.closed
