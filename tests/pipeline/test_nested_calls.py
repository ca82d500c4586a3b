"""A guarded call inside another of the same dependency: a call of its own, but not another trial."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from typing import Any, NoReturn

import pytest

from pipeline import BreakerOpenError, Dependency
from tests.pipeline.counted import Counted


async def answer() -> str:
    return "answer"


async def refuse() -> NoReturn:
    raise ConnectionError("refused")


def half_open() -> Counted:
    """It lets one trial through; a good one closes it."""
    counted = Counted(failure_threshold=1, success_threshold=1, recovery_timeout_seconds=10)
    with pytest.raises(ConnectionError), counted.dependency.calling():
        raise ConnectionError("refused")
    counted.clock.advance(10)
    return counted


async def by_call(dependency: Dependency, inside: Callable[[], Awaitable[str]]) -> str:
    return await dependency.call(inside)


async def by_decorator(dependency: Dependency, inside: Callable[[], Awaitable[str]]) -> str:
    @dependency.guard()
    async def guarded() -> str:
        return await inside()

    return await guarded()


async def by_block(dependency: Dependency, inside: Callable[[], Awaitable[str]]) -> str:
    async with dependency.calling():
        return await inside()


async def by_blocking_block(dependency: Dependency, inside: Callable[[], Awaitable[str]]) -> str:
    with dependency.calling():
        return await inside()


async def by_blocking_call(dependency: Dependency, inside: Callable[[], Awaitable[str]]) -> str:
    coroutine = inside()
    dependency.call_sync(lambda: None)
    return await coroutine


async def by_stream(dependency: Dependency, inside: Callable[[], Awaitable[str]]) -> str:
    call = dependency.begin(is_stream=True)
    await dependency.enter_async(call)
    got = await inside()
    dependency.settle(call, None)
    return got


Face = Callable[[Dependency, Callable[[], Awaitable[str]]], Coroutine[Any, Any, str]]


@pytest.mark.parametrize("outer", [by_call, by_decorator, by_block])
@pytest.mark.parametrize(
    "inner", [by_call, by_decorator, by_block, by_blocking_block, by_blocking_call, by_stream]
)
async def test_a_trials_own_calls_are_counted_and_need_no_second_permit(outer: Face, inner: Face) -> None:
    counted = half_open()
    assert await outer(counted.dependency, lambda: inner(counted.dependency, answer)) == "answer"
    assert counted.calls() == {"error": 1, "success": 2}
    assert counted.judged() == {"failure": 1, "success": 1}
    assert counted.dependency.breaker.closed


def test_in_a_thread_too() -> None:
    counted = half_open()
    call_sync = counted.dependency.call_sync
    assert call_sync(lambda: call_sync(lambda: call_sync(lambda: "answer"))) == "answer"
    assert counted.calls() == {"error": 1, "success": 3}
    assert counted.judged() == {"failure": 1, "success": 1}


def test_what_a_streams_reader_calls_is_a_call_of_its_own() -> None:
    counted = half_open()
    stream = counted.dependency.begin(is_stream=True)
    counted.dependency.enter(stream)
    with pytest.raises(BreakerOpenError):
        counted.dependency.call_sync(lambda: "answer")
    counted.dependency.settle(stream, None)
    assert counted.judged() == {"failure": 1, "rejected": 1, "success": 1}


async def in_a_task(call: Coroutine[Any, Any, str]) -> str:
    return await asyncio.create_task(call)


async def with_a_limit(call: Coroutine[Any, Any, str]) -> str:
    return await asyncio.wait_for(call, 5)


async def beside_others(call: Coroutine[Any, Any, str]) -> str:
    answers = await asyncio.gather(call, asyncio.sleep(0, "another"))
    return answers[0]


@pytest.mark.parametrize("outer", [by_call, by_decorator, by_block])
@pytest.mark.parametrize("inner", [by_call, by_block, by_blocking_block])
@pytest.mark.parametrize("start", [in_a_task, with_a_limit, beside_others])
async def test_what_a_trials_own_tasks_call_is_no_other_trial(
    outer: Face, inner: Face, start: Callable[[Coroutine[Any, Any, str]], Awaitable[str]]
) -> None:
    counted = half_open()
    assert await outer(counted.dependency, lambda: start(inner(counted.dependency, answer))) == "answer"
    assert counted.calls() == {"error": 1, "success": 2}
    assert counted.judged() == {"failure": 1, "success": 1}
    assert counted.dependency.breaker.closed


async def test_what_a_trials_own_thread_calls_is_no_other_trial() -> None:
    counted = half_open()
    dependency = counted.dependency

    async def by_thread() -> str:
        return await asyncio.to_thread(dependency.call_sync, lambda: "answer")

    assert await dependency.call(by_thread) == "answer"
    assert counted.judged() == {"failure": 1, "success": 1}


async def test_what_a_trial_started_and_left_behind_asks_for_itself() -> None:
    counted = half_open()
    dependency, ended = counted.dependency, asyncio.Event()

    async def later() -> str:
        await ended.wait()
        return await dependency.call(answer)

    async def trial() -> asyncio.Task[str]:
        return asyncio.create_task(later())

    left_behind = await dependency.call(trial)
    dependency.breaker.force_open()
    ended.set()
    with pytest.raises(BreakerOpenError):
        await left_behind


async def test_one_failure_counts_once() -> None:
    counted = Counted(failure_threshold=2)
    with pytest.raises(ConnectionError):
        await counted.dependency.call(lambda: counted.dependency.call(refuse))
    assert counted.calls() == {"error": 2}
    assert counted.judged() == {"failure": 1}
    assert counted.dependency.breaker.closed


async def test_a_failure_that_the_outer_call_makes_good_is_its_success() -> None:
    counted = half_open()

    async def tolerant() -> str:
        with contextlib.suppress(ConnectionError):
            await counted.dependency.call(refuse)
        return "answer"

    await counted.dependency.call(tolerant)
    assert counted.calls() == {"error": 2, "success": 1}
    assert counted.judged() == {"failure": 1, "success": 1}


@pytest.mark.parametrize("first", [by_call, by_blocking_block])
async def test_a_call_of_another_task_is_another_trial(first: Face) -> None:
    counted = half_open()
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def trial() -> str:
        entered.set()
        await go_on.wait()
        return "answer"

    task = asyncio.create_task(first(counted.dependency, trial))
    await entered.wait()
    with pytest.raises(BreakerOpenError):
        await counted.dependency.call(answer)
    with pytest.raises(BreakerOpenError):
        counted.dependency.call_sync(lambda: None)
    go_on.set()
    await task
    await counted.dependency.call(answer)
    assert counted.judged() == {"failure": 1, "rejected": 2, "success": 2}


async def test_a_call_whose_breaker_has_opened_meanwhile_covers_nothing_any_more() -> None:
    counted = Counted()

    async def opened() -> None:
        counted.dependency.breaker.force_open()
        with pytest.raises(BreakerOpenError):
            await counted.dependency.call(answer)
        with pytest.raises(BreakerOpenError):
            counted.dependency.call_sync(lambda: None)

    await counted.dependency.call(opened)
    counted.dependency.breaker.reset()
    with counted.dependency.calling():
        counted.dependency.breaker.force_open()
        with pytest.raises(BreakerOpenError):
            counted.dependency.call_sync(lambda: None)


async def test_the_deadline_of_the_outer_call_ends_both() -> None:
    counted = Counted(call_timeout_seconds=0.02)
    with pytest.raises(TimeoutError):
        await counted.dependency.call(lambda: counted.dependency.call(asyncio.Event().wait))
    assert counted.calls() == {"cancelled": 1, "timeout": 1}
    assert counted.judged() == {"failure": 1}


async def test_after_a_deadline_that_was_swallowed_a_nested_call_has_its_own() -> None:
    counted = Counted(call_timeout_seconds=0.02)

    async def stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        with pytest.raises(TimeoutError):
            await counted.dependency.call(asyncio.Event().wait)

    await counted.dependency.call(stubborn)
    assert counted.calls() == {"timeout": 2}
    assert counted.judged() == {"failure": 2}


async def aclose(steps: AsyncGenerator[None, None]) -> None:
    await steps.aclose()


async def test_what_was_covered_elsewhere_covers_nothing_here() -> None:
    counted = half_open()

    def block() -> Generator[None, None, None]:
        with counted.dependency.calling():
            yield

    async def async_block() -> AsyncGenerator[None, None]:
        async with counted.dependency.calling():
            yield

    steps = block()
    next(steps)
    await asyncio.to_thread(steps.close)
    async_steps = async_block()
    await anext(async_steps)
    await asyncio.create_task(aclose(async_steps))
    await counted.dependency.call(answer)
    assert counted.judged() == {"failure": 1, "ignored": 2, "success": 1}
    assert counted.dependency.breaker.closed


@pytest.mark.parametrize("steps", range(6))
async def test_cancelled_at_any_step_both_give_back_what_they_hold(steps: int) -> None:
    counted = half_open()
    answers: list[str] = []

    async def slow() -> str:
        await asyncio.sleep(0)
        return "answer"

    async def outer() -> None:
        await asyncio.sleep(0)
        answers.append(await counted.dependency.call(slow))
        await asyncio.sleep(0)
        answers.append("outer")

    task = asyncio.create_task(counted.dependency.call(outer))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert counted.judged().get("ignored", 0) == (0 if "outer" in answers or steps == 0 else 1)
    assert counted.calls().get("cancelled", 0) == [0, 1, 2, 1, 0, 0][steps]
    await counted.dependency.call(answer)
    assert counted.dependency.breaker.closed
