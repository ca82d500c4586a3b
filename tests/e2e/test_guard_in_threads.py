"""One dependency in many threads, each with an event loop of its own, switched as often as Python can."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline import BreakerOpenError
from tests.pipeline.counted import Counted

THREADS = 64
CALLS_OF_A_THREAD = 100


@pytest.fixture
def restless() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(work: Any) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()


@pytest.mark.usefixtures("restless")
def test_loops_lose_no_call_and_every_attempt_is_admitted_or_rejected() -> None:
    counted = Counted(failure_threshold=3, success_threshold=1, recovery_timeout_seconds=0)

    def work(number: int) -> None:
        async def send(turn: int) -> None:
            await asyncio.sleep(0)
            if (number + turn) % 3 == 0:
                raise ConnectionError

        async def make() -> None:
            for turn in range(0, CALLS_OF_A_THREAD, 2):
                calls = (counted.dependency.call(lambda turn=turn: send(turn)) for turn in (turn, turn + 1))  # type: ignore[misc]
                for error in await asyncio.gather(*calls, return_exceptions=True):
                    assert isinstance(error, ConnectionError | BreakerOpenError | None)

        asyncio.run(make())

    in_threads(work)
    calls, judged = counted.calls(), counted.judged()
    attempts = THREADS * CALLS_OF_A_THREAD
    assert sum(calls.values()) == sum(judged.values()) == attempts
    assert calls.get("rejected_breaker", 0) == judged.get("rejected", 0)
    assert set(judged) <= {"success", "failure", "stale", "rejected"}
    counted.dependency.breaker.reset()
    asyncio.run(succeed(counted))
    assert counted.judged()["success"] == judged["success"] + 1


async def succeed(counted: Counted) -> None:
    await counted.dependency.call(lambda: asyncio.sleep(0))


@pytest.mark.usefixtures("restless")
def test_a_nested_call_joins_the_one_of_its_own_task_alone() -> None:
    counted = Counted(failure_threshold=10**9)

    def work(_: int) -> None:
        async def nest() -> None:
            for _ in range(CALLS_OF_A_THREAD):
                await counted.dependency.call(lambda: succeed(counted))

        async def make() -> None:
            await asyncio.gather(nest(), nest())

        with contextlib.closing(asyncio.new_event_loop()) as loop:
            loop.run_until_complete(make())

    in_threads(work)
    outer_calls = THREADS * CALLS_OF_A_THREAD * 2
    assert counted.calls() == {"success": 2 * outer_calls}
    assert counted.judged() == {"success": outer_calls}


@pytest.mark.usefixtures("restless")
def test_blocking_calls_are_not_lost_and_the_breaker_agrees() -> None:
    counted = Counted(failure_threshold=3, recovery_timeout_seconds=0)

    def fail_sometimes(number: int) -> int:
        if number % 5 == 0:
            raise ConnectionError
        return number

    def work(number: int) -> None:
        for turn in range(CALLS_OF_A_THREAD):
            with contextlib.suppress(ConnectionError, BreakerOpenError):
                counted.dependency.call_sync(functools.partial(fail_sometimes, number + turn))

    in_threads(work)
    calls, judged = counted.calls(), counted.judged()
    assert sum(calls.values()) == sum(judged.values()) == THREADS * CALLS_OF_A_THREAD
    assert calls.get("rejected_breaker", 0) == judged.get("rejected", 0)
    sent = counted.value("pipeline_call_duration_seconds_count", layer="none")
    assert sent == calls["success"] + calls["error"]
