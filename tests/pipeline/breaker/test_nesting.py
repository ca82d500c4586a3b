from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Iterator

import pytest

from pipeline.breaker import BreakerOpenError
from pipeline.breaker.permit import running
from tests.clock import Clock
from tests.pipeline.breaker.told import Told, fail, half_open, make


def broken() -> None:
    raise OSError


def test_a_call_inside_a_call_of_the_same_breaker_joins_it() -> None:
    told = Told()
    breaker = make(listener=told)
    guarded = breaker(breaker(broken))
    with pytest.raises(OSError, match=r"^$"):
        guarded()
    assert told.outcomes == ["failure"]
    assert breaker.failure_count == 1


async def test_all_kinds_of_calls_join() -> None:
    clock, told = Clock(), Told()
    breaker = half_open(clock, listener=told)

    def numbers() -> Iterator[int]:
        with breaker:
            yield breaker.call(lambda: 1)

    async def more() -> AsyncIterator[int]:
        async with breaker:
            for number in breaker(numbers)():
                yield number

    async def all_of_them() -> list[int]:
        return [number async for number in breaker(more)()]

    assert await breaker(all_of_them)() == [1]
    assert told.outcomes[3:] == ["success"]
    assert breaker.closed


async def test_tasks_and_threads_of_a_call_join_it() -> None:
    clock, told = Clock(), Told()
    breaker = half_open(clock, listener=told)

    async def part() -> int:
        return 1

    async def whole() -> int:
        parts = await asyncio.gather(*(breaker.call_async(part) for _ in range(10)))
        return sum(parts) + await asyncio.to_thread(breaker.call, lambda: 1)

    assert await breaker.call_async(whole) == 11
    assert told.outcomes[3:] == ["success"]


async def test_a_task_that_outlives_the_call_asks_for_itself() -> None:
    told = Told()
    breaker = make(listener=told)
    ended = asyncio.Event()

    async def background() -> None:
        await ended.wait()
        breaker.call(lambda: None)

    async def call() -> asyncio.Task[None]:
        return asyncio.create_task(background())

    task = await breaker.call_async(call)
    ended.set()
    await task
    assert told.outcomes == ["success", "success"]


def test_a_call_that_has_become_stale_covers_nothing_any_more() -> None:
    breaker = make()
    with breaker:
        fail(breaker, 3)
        with pytest.raises(BreakerOpenError):
            breaker.call(lambda: pytest.fail("it was called"))


def test_another_breakers_refusal_is_neutral() -> None:
    told = Told()
    inner, outer = make(name="inner"), make(name="outer", listener=told)
    fail(inner, 3)
    for _ in range(5):
        with pytest.raises(BreakerOpenError, match="inner"), outer, inner:
            pytest.fail("the block ran")
    assert told.outcomes == ["ignored"] * 5


def test_two_breakers_each_count_the_call() -> None:
    first, second = Told(), Told()
    with make(listener=first), make(listener=second):
        pass
    assert first.outcomes == second.outcomes == ["success"]


def test_it_can_be_asked_for() -> None:
    breaker = make()
    assert not breaker.joined()
    with breaker:
        assert breaker.joined()
        assert not make().joined()
    assert not breaker.joined()


async def test_nothing_of_a_call_stays_in_its_context() -> None:
    breaker = make()

    async def work() -> None: ...

    def block() -> Iterator[None]:
        with breaker:
            yield

    breaker.call(lambda: None)
    assert running.get() is None
    await breaker.call_async(work)
    assert running.get() is None
    list(breaker.call_generator(lambda: [1]))
    assert running.get() is None
    async with breaker:
        pass
    assert running.get() is None
    for _ in range(3):
        steps = block()
        next(steps)
        contextvars.copy_context().run(steps.close)  # type: ignore[attr-defined]
    with breaker:
        pass
    assert running.get() is None


def test_blocks_that_overlap_settle_each_permit_once() -> None:
    told = Told()
    breaker = make(listener=told)

    def block() -> Iterator[None]:
        with breaker:
            yield

    first, second = block(), block()
    next(first)
    next(second)
    assert [next(first, None), next(second, None)] == [None, None]
    assert told.outcomes == ["success"]
    with breaker:
        pass
    assert told.outcomes == ["success", "success"]
