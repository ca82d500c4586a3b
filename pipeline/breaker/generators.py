"""Generators as calls: every step of the inner one runs inside the call, what is between them does not.

So a consumer that calls the same breaker between two elements asks for a permit of its own, and the time
it takes is not the provider's.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from functools import partial, wraps
from typing import Any, Protocol

from pipeline.breaker.permit import Permit, running
from pipeline.metrics import BreakerOutcome

Function = Callable[..., Any]
Begin = Callable[[Function], tuple[Permit | None, Function]]
"""Asks for admission: the permit, or none if there is nothing to settle; what to iterate over."""


class Settles(Protocol):
    @property
    def clock(self) -> Callable[[], float]: ...

    def settle(self, permit: Permit, outcome: BreakerOutcome) -> None: ...

    def settle_raised(self, permit: Permit, error: BaseException) -> None: ...


def guarded_steps(
    breaker: Settles, permit: Permit, function: Callable[[], Iterable[Any]]
) -> Generator[Any, Any, Any]:
    """`yield from function()` that settles the permit: sends, throws, closes and returns as that does."""
    call = _Call(breaker, permit)
    try:
        iterator = call.step(lambda: iter(function()))
        step = partial(next, iterator)
        while True:
            try:
                element = call.step(step)
            except StopIteration as end:
                answer = end.value
                break
            call.pause()
            try:
                sent = yield element
            except GeneratorExit:
                call.step(getattr(iterator, "close", _nothing))
                raise
            except BaseException as error:  # noqa: BLE001 # it goes where the caller threw it
                step = partial(_throw, iterator, error)
            else:
                step = partial(next, iterator) if sent is None else partial(iterator.send, sent)
            call.resume()
    except BaseException as error:
        call.raised(error)
        raise
    call.succeeded()
    return answer


def guarded_async_generator(
    breaker: Settles, function: Function, begin: Begin
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """An asynchronous generator function in the place of another; asks at the first step.

    There is no `yield from` for these, so that one generator has to do it all.
    """

    @wraps(function)
    async def guarded(*args: object, **kwargs: object) -> AsyncGenerator[Any, Any]:
        permit, chosen = begin(function)
        call = _Call(breaker, permit)
        try:
            iterator = await call.step_async(lambda: _elements(chosen(*args, **kwargs)))
            step = iterator.__anext__
            while True:
                try:
                    element = await call.step_async(step)
                except StopAsyncIteration:
                    break
                call.pause()
                try:
                    sent = yield element
                except GeneratorExit:
                    await call.step_async(getattr(iterator, "aclose", _nothing_async))
                    raise
                except BaseException as error:  # noqa: BLE001 # it goes where the caller threw it
                    step = partial(_athrow, iterator, error)
                else:
                    step = iterator.__anext__ if sent is None else partial(iterator.asend, sent)
                call.resume()
        except BaseException as error:
            call.raised(error)
            raise
        call.succeeded()

    return guarded


class _Call:
    """One iteration as a call; without a permit it passes everything through."""

    __slots__ = ("_breaker", "_paused", "_permit")

    def __init__(self, breaker: Settles, permit: Permit | None) -> None:
        self._breaker = breaker
        self._permit = permit
        self._paused = 0.0

    def step(self, step: Callable[[], Any]) -> Any:  # noqa: ANN401 # whatever the generator yields
        outer = running.get()
        running.set((self._breaker, self._permit, outer))
        try:
            return step()
        finally:
            running.set(outer)

    async def step_async(self, step: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 # as above
        outer = running.get()
        running.set((self._breaker, self._permit, outer))
        try:
            return await step()
        finally:
            running.set(outer)

    def pause(self) -> None:
        self._paused = self._breaker.clock()

    def resume(self) -> None:
        if self._permit is not None:
            self._permit.started += self._breaker.clock() - self._paused

    def raised(self, error: BaseException) -> None:
        if self._permit is not None:
            self._breaker.settle_raised(self._permit, error)

    def succeeded(self) -> None:
        if self._permit is not None:
            self._breaker.settle(self._permit, BreakerOutcome.SUCCESS)


def _nothing() -> None: ...


async def _nothing_async() -> None: ...


def _throw(iterator: Iterator[Any], error: BaseException) -> object:
    if isinstance(iterator, Generator):
        return iterator.throw(error)
    raise error


async def _athrow(iterator: AsyncIterator[Any], error: BaseException) -> object:
    if isinstance(iterator, AsyncGenerator):
        return await iterator.athrow(error)
    raise error


async def _elements(answer: object) -> AsyncIterator[Any]:
    """A fallback may answer with any iterable, or with an awaitable of one."""
    elements: Any = await answer if inspect.isawaitable(answer) else answer
    return aiter(elements) if hasattr(type(elements), "__aiter__") else _each(elements)


async def _each(elements: Iterable[Any]) -> AsyncIterator[Any]:
    for element in elements:
        yield element
