"""The defects of circuitbreaker 2.1.3 in how it calls, each as a question: does this class have it?"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Generator
from typing import Any

from circuitbreaker import CircuitBreakerError

from tests.pipeline.breaker.subject import Subject, broken, broken_async, caught, caught_async, guarded


async def a_generator_closed_early_is_a_success(subject: Subject) -> bool:
    breaker = subject.breaker()
    subject.fail(breaker)

    @guarded(breaker)
    def numbers() -> Generator[int, None, None]:
        yield 1
        yield 2

    steps = numbers()
    next(steps)
    steps.close()
    return bool(breaker.failure_count == 0)


def _echo(subject: Subject) -> tuple[Any, list[Any]]:
    heard = []

    @guarded(subject.breaker())
    def echo() -> Any:
        try:
            heard.append((yield 1))
            yield 2
        except KeyError as error:
            heard.append(error)
            yield 3
        return "returned"

    steps = echo()
    next(steps)
    return steps, heard


async def what_is_sent_to_a_generator_is_lost(subject: Subject) -> bool:
    steps, heard = _echo(subject)
    steps.send("sent")
    return heard == [None]


async def what_a_generator_returns_is_lost(subject: Subject) -> bool:
    steps, _ = _echo(subject)
    next(steps)
    end = caught(lambda: next(steps))
    assert isinstance(end, StopIteration)
    return end.value is None


async def what_is_thrown_into_a_generator_is_not_delivered(subject: Subject) -> bool:
    steps, heard = _echo(subject)
    caught(lambda: steps.throw(KeyError()))
    return not heard


async def aclose_returns_before_the_inner_finally_ran(subject: Subject) -> bool:
    ended = False

    @guarded(subject.breaker())
    async def numbers() -> AsyncGenerator[int, None]:
        nonlocal ended
        try:
            yield 1
        finally:
            ended = True

    steps = numbers()
    await anext(steps)
    await steps.aclose()
    before = ended
    gc.collect()
    await asyncio.sleep(0)
    return not before


async def nested_in_itself_it_counts_a_failure_twice(subject: Subject) -> bool:
    breaker = subject.breaker()
    caught(breaker(breaker(broken)))
    assert breaker.failure_count in (1, 2)
    return bool(breaker.failure_count == 2)


async def an_inner_refusal_opens_the_outer_one(subject: Subject) -> bool:
    outer = subject.breaker()
    call = outer(subject.opened()(broken))
    for _ in range(3):
        caught(call)
    return bool(outer.opened)


async def a_block_runs_while_open_and_closes_it(subject: Subject) -> bool:
    breaker = subject.opened()
    ran = False
    try:
        with breaker:
            ran = True
    except CircuitBreakerError:
        pass
    return ran and bool(breaker.closed)


async def call_runs_while_open_and_closes_it(subject: Subject) -> bool:
    breaker = subject.opened()
    ran: list[int] = []
    caught(lambda: breaker.call(ran.append, 1))
    return bool(ran) and bool(breaker.closed)


async def it_is_no_async_context_manager(subject: Subject) -> bool:
    async def block() -> None:
        async with subject.breaker():
            pass

    return isinstance(await caught_async(block()), TypeError)


async def a_sync_fallback_of_an_async_function_fails(subject: Subject) -> bool:
    answers = subject.opened(fallback_function=lambda: 1)(broken_async)
    return isinstance(await caught_async(answers()), TypeError)


async def an_async_callable_object_is_never_counted(subject: Subject) -> bool:
    class Client:
        __name__ = "Client"

        async def __call__(self) -> None:
            raise ConnectionError

    breaker = subject.breaker()
    await caught_async(breaker(Client())())
    return bool(breaker.failure_count == 0)


def _broken_later() -> Any:
    return broken_async()


async def a_coroutine_that_a_function_returns_is_never_counted(subject: Subject) -> bool:
    breaker = subject.breaker()
    await caught_async(breaker(_broken_later)())
    return bool(breaker.failure_count == 0)
