from __future__ import annotations

import asyncio
import contextlib

import pytest

from pipeline import Dependency, Meter
from tests.pipeline.counted import Counted

SHORT = 0.02


async def never() -> None:
    await asyncio.Event().wait()


async def test_each_of_many_hung_calls_ends_with_a_timeout_of_its_own() -> None:
    counted = Counted(call_timeout_seconds=SHORT, failure_threshold=1000)
    ended = await asyncio.gather(*(counted.dependency.call(never) for _ in range(50)), return_exceptions=True)
    assert {type(error) for error in ended} == {TimeoutError}
    assert len({id(error) for error in ended}) == 50
    assert counted.calls() == {"timeout": 50}


async def test_calls_that_end_leave_the_others_deadlines_alone() -> None:
    counted = Counted(call_timeout_seconds=SHORT)
    hung = asyncio.create_task(counted.dependency.call(never))
    for _ in range(10):
        await counted.dependency.call(lambda: asyncio.sleep(0))
    with pytest.raises(TimeoutError):
        await hung
    assert counted.calls() == {"success": 10, "timeout": 1}


async def test_a_call_begun_after_the_timer_ran_out_has_a_deadline_too() -> None:
    counted = Counted(call_timeout_seconds=SHORT)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await counted.dependency.call(never)


async def test_the_callers_own_timeout_is_a_cancellation() -> None:
    counted = Counted(call_timeout_seconds=60)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SHORT):
            await counted.dependency.call(never)
    assert counted.calls() == {"cancelled": 1}


async def test_cancellation_from_outside_wins_over_a_deadline_at_the_same_moment() -> None:
    counted = Counted(call_timeout_seconds=SHORT)

    async def cancelled_as_it_expires() -> None:
        try:
            await never()
        except asyncio.CancelledError:
            task.cancel()
            raise

    task = asyncio.create_task(counted.dependency.call(cancelled_as_it_expires))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert counted.calls() == {"cancelled": 1}


async def test_an_answer_given_in_spite_of_the_deadline_is_kept_and_counted_as_a_timeout() -> None:
    counted = Counted(call_timeout_seconds=SHORT)

    async def stubborn() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await never()
        return "answer"

    assert await counted.dependency.call(stubborn) == "answer"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert counted.calls() == {"timeout": 1}


async def test_nested_calls_end_at_the_inner_deadline() -> None:
    inner = Dependency("pdf_service", meter=Meter(), call_timeout_seconds=SHORT)
    outer = Counted(call_timeout_seconds=60)
    with pytest.raises(TimeoutError):
        await outer.dependency.call(lambda: inner.call(never))
    assert outer.calls() == {"timeout": 1}


def test_one_dependency_serves_one_loop_after_another() -> None:
    counted = Counted(call_timeout_seconds=SHORT)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            asyncio.run(counted.dependency.call(never))
    assert counted.calls() == {"timeout": 2}
