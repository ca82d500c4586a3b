from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import circuitbreaker
import pytest

from pipeline.breaker import Breaker, BreakerOpenError
from tests.clock import Clock
from tests.pipeline.breaker.told import Told, fail, make


def opened(**options: Any) -> Breaker:
    breaker = make(**options)
    fail(breaker, 3)
    return breaker


async def outcome_of(answer: Any) -> Any:
    """What a decorated function of any kind answers in the end."""
    if inspect.isawaitable(answer):
        return await answer
    if hasattr(answer, "__aiter__"):
        return [element async for element in answer]
    return list(answer) if inspect.isgenerator(answer) else answer


def sync_function() -> int:
    return 1


async def coroutine_function() -> int:
    return 1


def generator_function() -> Iterator[int]:
    yield 1


async def async_generator_function() -> AsyncIterator[int]:
    yield 1


def coroutine_in_disguise() -> Any:
    return coroutine_function()


class AsyncCallable:
    async def __call__(self) -> int:
        return 1


class GeneratorCallable:
    def __call__(self) -> Iterator[int]:
        yield 1


class AsyncGeneratorCallable:
    async def __call__(self) -> AsyncIterator[int]:
        yield 1


KINDS = [
    sync_function,
    coroutine_function,
    generator_function,
    async_generator_function,
    coroutine_in_disguise,
    AsyncCallable(),
    GeneratorCallable(),
    AsyncGeneratorCallable(),
    functools.partial(coroutine_function),
    functools.partial(generator_function),
]
of_every_kind = pytest.mark.parametrize("function", KINDS, ids=[str(number) for number in range(len(KINDS))])


class TestDecorated:
    @of_every_kind
    async def test_every_kind_of_function_is_one_call(self, function: Any) -> None:
        told = Told()
        guarded: Any = make(listener=told)(function)
        answer = guarded()
        assert told.outcomes == (["success"] if answer == 1 else []), "it ends when the answer is there"
        assert await outcome_of(answer) in (1, [1])
        assert told.outcomes == ["success"]

    @of_every_kind
    async def test_every_kind_of_function_is_refused_while_open(self, function: Any) -> None:
        guarded: Any = opened()(function)
        with pytest.raises(BreakerOpenError):
            await outcome_of(guarded())

    @of_every_kind
    async def test_every_kind_of_function_falls_back(self, function: Any) -> None:
        guarded: Any = opened(fallback_function=function)(function)
        assert await outcome_of(guarded()) in (1, [1])

    @pytest.mark.parametrize(
        "function", [sync_function, coroutine_function, generator_function, async_generator_function]
    )
    def test_the_kind_stays_what_it_was(self, function: Any) -> None:
        guarded = make()(function)
        for kind in (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction):
            assert kind(guarded) == kind(function)

    def test_an_unnamed_breaker_is_called_like_its_first_function(self) -> None:
        breaker = make(name=None)
        breaker(sync_function)
        breaker(coroutine_function)
        assert breaker.name == "sync_function"

    @pytest.mark.parametrize("function", [AsyncCallable(), functools.partial(sync_function)])
    def test_what_has_no_name_goes_by_its_type(self, function: Any) -> None:
        breaker = make(name=None)
        breaker(function)
        assert breaker.name == type(function).__qualname__

    async def test_circuit_makes_it(self) -> None:
        decorator = circuitbreaker.circuit(failure_threshold=1, cls=Breaker)
        assert isinstance(decorator, circuitbreaker.CircuitBreaker)

        @decorator  # type: ignore[untyped-decorator]
        def broken() -> None:
            raise OSError

        with pytest.raises(OSError, match=r"^$"):
            broken()
        with pytest.raises(circuitbreaker.CircuitBreakerError):
            broken()

    @of_every_kind
    async def test_a_subclass_may_decide_by_overriding_opened(self, function: Any) -> None:
        class AlwaysOpen(Breaker):
            @property
            def opened(self) -> bool:
                return True

        told = Told()
        guarded: Any = AlwaysOpen(name="always", listener=told)(function)
        with pytest.raises(BreakerOpenError):
            await outcome_of(guarded())
        assert told.outcomes == ["rejected"]


class TestFallback:
    async def test_a_sync_one_answers_for_a_coroutine_function(self) -> None:
        guarded = opened(fallback_function=sync_function)(coroutine_function)
        assert await guarded() == 1

    @pytest.mark.parametrize("fallback", [generator_function, lambda: [1], AsyncCallable()])
    async def test_any_iterable_answers_for_an_async_generator(self, fallback: Any) -> None:
        async def answer() -> list[int]:
            return [1]

        chosen = answer if isinstance(fallback, AsyncCallable) else fallback
        guarded = opened(fallback_function=chosen)(async_generator_function)
        assert [element async for element in guarded()] == [1]

    def test_it_gets_the_arguments(self) -> None:
        def add(left: int, *, right: int) -> int:
            return left + right

        assert opened(fallback_function=add)(add)(1, right=2) == 3

    def test_it_is_counted_as_a_refusal(self) -> None:
        told = Told()
        opened(fallback_function=sync_function, listener=told)(sync_function)()
        assert told.counts == {"failure": 3, "rejected": 1}

    def test_it_does_not_answer_for_another_breakers_refusal(self) -> None:
        inner = opened()(sync_function)
        outer = make(fallback_function=lambda: 2)(inner)
        with pytest.raises(BreakerOpenError):
            outer()

    def test_its_own_error_does_not_count(self) -> None:
        def broken() -> int:
            raise OSError("the fallback's own")

        told = Told()
        with pytest.raises(OSError, match="the fallback's own"):
            opened(fallback_function=broken, listener=told)(sync_function)()
        assert told.counts == {"failure": 3, "rejected": 1}


class TestWithoutDecorator:
    async def test_all_of_them_refuse_while_open(self) -> None:
        breaker = opened()
        with pytest.raises(circuitbreaker.CircuitBreakerError):
            breaker.call(sync_function)
        with pytest.raises(circuitbreaker.CircuitBreakerError):
            await breaker.call_async(coroutine_function)
        with pytest.raises(circuitbreaker.CircuitBreakerError):
            next(breaker.call_generator(generator_function))
        with pytest.raises(circuitbreaker.CircuitBreakerError):
            await anext(breaker.call_async_generator(async_generator_function))
        with pytest.raises(circuitbreaker.CircuitBreakerError), breaker:
            pytest.fail("the block ran")
        with pytest.raises(circuitbreaker.CircuitBreakerError):
            async with breaker:
                pytest.fail("the block ran")

    async def test_a_block_is_a_call(self) -> None:
        told = Told()
        breaker = make(listener=told)
        with breaker:
            pass
        async with breaker:
            pass
        with pytest.raises(OSError, match="1"), breaker:
            raise OSError("1")
        with pytest.raises(OSError, match="2"):
            async with breaker:
                raise OSError("2")
        assert told.outcomes == ["success", "success", "failure", "failure"]

    async def test_concurrent_blocks_settle_their_own_permits(self) -> None:
        told = Told()
        breaker = make(listener=told, failure_threshold=100)

        async def block(number: int) -> None:
            async with breaker:
                await asyncio.sleep(0)
                if number % 2:
                    raise OSError

        await asyncio.gather(*(block(number) for number in range(10)), return_exceptions=True)
        assert told.counts == {"success": 5, "failure": 5}

    def test_a_block_left_in_another_context_settles_all_the_same(self) -> None:
        import contextvars

        told = Told()
        breaker = make(listener=told)

        def generator() -> Iterator[None]:
            with breaker:
                yield

        steps = generator()
        contextvars.copy_context().run(next, steps)
        contextvars.copy_context().run(steps.close)  # type: ignore[attr-defined]
        assert told.outcomes == ["ignored"]
        with breaker:
            pass
        assert told.outcomes == ["ignored", "success"]


def _plainly(function: Any) -> Any:
    """The same, but nothing shows that it is a coroutine function."""

    def call() -> Any:
        return function()

    return call


class TestAnswerToAwait:
    async def test_a_coroutine_that_a_function_returns_is_part_of_the_call(self) -> None:
        told = Told()

        async def broken() -> None:
            raise OSError

        pending = make(listener=told).call(_plainly(broken))
        assert told.outcomes == []
        with pytest.raises(OSError, match=r"^$"):
            await pending
        assert told.outcomes == ["failure"]

    @pytest.mark.parametrize(
        ("error", "outcome"), [(None, "success"), (OSError(), "failure"), ("cancel", "ignored")]
    )
    async def test_a_future_stays_what_it_is_and_settles_when_it_is_done(
        self, error: Any, outcome: str
    ) -> None:
        told = Told()
        future = asyncio.get_running_loop().create_future()
        assert make(Clock(), listener=told).call(lambda: future) is future
        if error is None:
            future.set_result(1)
        elif error == "cancel":
            future.cancel()
        else:
            future.set_exception(error)
        await asyncio.wait([future])
        assert told.outcomes == [outcome]
