from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Any

import pytest

from pipeline.breaker.generators import guarded_steps
from tests.clock import Clock
from tests.pipeline.breaker.told import Told, half_open, make


class Talk:
    """A guarded generator that notes what reaches the inner one."""

    def __init__(self, **options: Any) -> None:
        self.told = Told()
        self.breaker = make(listener=self.told, **options)
        self.heard: list[Any] = []
        self.sync = self.breaker(self._sync)
        self.asynchronous = self.breaker(self._async)

    def _sync(self) -> Generator[int, Any, str]:
        try:
            for number in range(3):
                try:
                    self.heard.append((yield number))
                except KeyError as error:
                    self.heard.append(error.args[0])
        finally:
            self.heard.append("finally")
        return "returned"

    async def _async(self) -> AsyncGenerator[int, Any]:
        try:
            for number in range(3):
                try:
                    self.heard.append((yield number))
                except KeyError as error:
                    self.heard.append(error.args[0])
        finally:
            self.heard.append("finally")


def test_it_is_admitted_at_the_first_next() -> None:
    clock = Clock()
    breaker = half_open(clock)

    @breaker
    def guarded() -> Iterator[int]:
        yield 1

    waiting, other = guarded(), guarded()
    assert next(other) == 1
    with pytest.raises(Exception, match="openrouter is open"):
        next(waiting)


def test_sent_thrown_and_returned_values_arrive() -> None:
    talk = Talk()
    steps = talk.sync()
    assert [next(steps), steps.send("sent"), steps.throw(KeyError("thrown"))] == [0, 1, 2]
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == "returned"
    assert talk.heard == ["sent", "thrown", None, "finally"]
    assert talk.told.outcomes == ["success"]


async def test_sent_and_thrown_values_arrive_in_an_async_generator() -> None:
    talk = Talk()
    steps = talk.asynchronous()
    assert await anext(steps) == 0
    assert await steps.asend("sent") == 1
    assert await steps.athrow(KeyError("thrown")) == 2
    with pytest.raises(StopAsyncIteration):
        await anext(steps)
    assert talk.heard == ["sent", "thrown", None, "finally"]
    assert talk.told.outcomes == ["success"]


def test_closed_early_it_is_neutral_and_the_inner_one_is_closed() -> None:
    talk = Talk()
    steps = talk.sync()
    next(steps)
    steps.close()
    assert talk.heard == ["finally"]
    assert talk.told.outcomes == ["ignored"]


def test_the_inner_one_is_closed_though_someone_else_holds_it() -> None:
    talk = Talk()
    inner = talk._sync()
    steps = talk.breaker.call_generator(lambda: inner)
    next(steps)
    steps.close()
    assert talk.heard == ["finally"]


async def test_aclose_runs_the_inner_finally_before_it_returns() -> None:
    talk = Talk()
    steps = talk.asynchronous()
    await anext(steps)
    await steps.aclose()
    assert talk.heard == ["finally"]
    assert talk.told.outcomes == ["ignored"]


def test_never_started_it_asks_for_nothing() -> None:
    talk = Talk()
    talk.sync().close()
    assert talk.told.outcomes == []


def test_an_error_thrown_in_that_comes_out_again_is_judged() -> None:
    talk = Talk()
    steps = talk.sync()
    next(steps)
    with pytest.raises(OSError, match="down"):
        steps.throw(OSError("down"))
    assert talk.told.outcomes == ["failure"]


async def test_an_error_thrown_into_an_async_one_that_comes_out_again_is_judged() -> None:
    talk = Talk()
    steps = talk.asynchronous()
    await anext(steps)
    with pytest.raises(OSError, match="down"):
        await steps.athrow(OSError("down"))
    assert talk.told.outcomes == ["failure"]


def test_an_error_while_iterating_is_a_failure() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("broken stream")

    talk = Talk()
    steps = talk.breaker(broken)()
    assert next(steps) == 1
    with pytest.raises(OSError, match="broken stream"):
        next(steps)
    assert talk.told.outcomes == ["failure"]


def test_a_plain_iterator_can_be_iterated_thrown_into_and_closed() -> None:
    talk = Talk()
    assert list(talk.breaker.call_generator(lambda: [1, 2])) == [1, 2]
    steps = talk.breaker.call_generator(lambda: [1, 2])
    next(steps)
    with pytest.raises(OSError, match="thrown"):
        steps.throw(OSError("thrown"))
    steps = talk.breaker.call_generator(lambda: [1, 2])
    next(steps)
    steps.close()
    assert talk.told.outcomes == ["success", "failure", "ignored"]


async def test_a_plain_async_iterator_can_be_iterated_thrown_into_and_closed() -> None:
    class Two:
        def __init__(self) -> None:
            self.left = 2

        def __aiter__(self) -> AsyncIterator[int]:
            return self

        async def __anext__(self) -> int:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return self.left

    talk = Talk()
    assert [element async for element in talk.breaker.call_async_generator(Two)] == [1, 0]
    steps = talk.breaker.call_async_generator(Two)
    await anext(steps)
    with pytest.raises(OSError, match="thrown"):
        await steps.athrow(OSError("thrown"))
    steps = talk.breaker.call_async_generator(Two)
    await anext(steps)
    await steps.aclose()
    assert talk.told.outcomes == ["success", "failure", "ignored"]


def test_a_slow_consumer_does_not_make_the_provider_slow() -> None:
    clock = Clock()
    breaker = make(clock)
    started = clock()
    permit = breaker.admit()
    for _ in guarded_steps(breaker, permit, lambda: [1, 2, 3]):
        clock.advance(10)
    assert permit.started == started + 30


def test_between_two_elements_the_consumers_own_calls_are_calls() -> None:
    talk = Talk()
    for _ in talk.sync():
        talk.breaker.call(lambda: None)
    assert talk.told.outcomes == ["success"] * 4
