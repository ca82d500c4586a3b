"""Functions, coroutines, generators and blocks as calls that a breaker guards."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Generator, Iterable
from functools import partial, wraps
from types import TracebackType
from typing import Any, Literal, ParamSpec, TypeVar, cast

from pipeline.breaker.controls import Controls
from pipeline.breaker.errors import BreakerOpenError
from pipeline.breaker.generators import Function, guarded_async_generator, guarded_steps
from pipeline.breaker.permit import Permit, cover, running, uncover
from pipeline.breaker.registry import register
from pipeline.metrics import BreakerOutcome

Args = tuple[object, ...]
Kwargs = dict[str, object]
P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Breaker(Controls):
    """Opens after consecutive failures, or by rates; lets a few trials through after the recovery timeout.

    A matched exception is a failure; any other `Exception` means that the provider answered, so it is
    a success. Cancellation, `KeyboardInterrupt` and the like say nothing about the provider and are
    ignored, unless the call had already run longer than `call_timeout_seconds`: then the provider hung.

    Guards, each with its own admission:

    - a decorated function, coroutine function, generator function of either kind, or callable object
    - `call`, `call_async`, `call_generator`, `call_async_generator`
    - `with` and `async with`
    - `admit` and `settle`, for those who do it by hand

    A call inside another call of the same breaker, its tasks and threads with a copied context included,
    joins it: one permit, one outcome. A refused call is answered by the fallback where it was decorated.

    A suspended generator holds its permit, but what its consumer does between two elements is not inside
    it. Who calls the same breaker there needs `half_open_max_calls` of 2 or more: as the only trial, the
    generator would have those calls refused.
    """

    def __call__(self, wrapped: F) -> F:
        return self.decorate(wrapped)

    def decorate(self, function: F) -> F:
        """Guard a function; the first one gives an unnamed breaker its name.

        The result is of the same kind: what `inspect` says of the function, it says of the result.
        """
        if self.name is None:
            named = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
            self._name = named or type(function).__qualname__
        register(self)
        code = (function, type(function).__call__)  # of an object that can be called, its class has it
        if any(map(inspect.isasyncgenfunction, code)):
            guarded: Function = guarded_async_generator(self, function, self._begin_async_generator)
        elif any(map(inspect.iscoroutinefunction, code)):
            guarded = self._guard_async(function)
        elif any(map(inspect.isgeneratorfunction, code)):
            guarded = self._guard_generator(function)
        else:
            guarded = self._guard_sync(function)
        return cast("F", guarded)

    def _guard_sync(self, function: Function) -> Function:
        admit = self._admission()

        @wraps(function)
        def guarded(*args: object, **kwargs: object) -> Any:  # noqa: ANN401 # the function's
            try:
                permit = admit() if running.get() is None else self._ask()
            except BreakerOpenError:
                if self.fallback_function is None:
                    raise
            else:
                return self._run(permit, function, args, kwargs)
            return self.fallback_function(*args, **kwargs)

        return guarded

    def _guard_generator(self, function: Function) -> Function:
        admit = self._admission()

        @wraps(function)
        def guarded(*args: object, **kwargs: object) -> Any:  # noqa: ANN401 # the function's
            try:
                permit = admit() if running.get() is None else self._ask()
            except BreakerOpenError:
                if self.fallback_function is None:
                    raise
            else:
                return (yield from self._run_generator(permit, function, args, kwargs))
            return (yield from self.fallback_function(*args, **kwargs))

        return guarded

    def _guard_async(self, function: Function) -> Function:
        admit = self._admission()

        @wraps(function)
        async def guarded(*args: object, **kwargs: object) -> Any:  # noqa: ANN401 # the function's
            try:
                permit = admit() if running.get() is None else self._ask()
            except BreakerOpenError:
                if self.fallback_function is None:
                    raise
            else:
                return await self._run_async(permit, function, args, kwargs)
            answer = self.fallback_function(*args, **kwargs)
            return await answer if inspect.isawaitable(answer) else answer

        return guarded

    # --- circuitbreaker's calls -------------------------------------------------------------------

    def call(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call it; an awaitable that it returns is part of the call.

        Raises:
            BreakerOpenError: refused; nothing was called.
        """
        return cast("T", self._run(self._join_or_admit(), func, args, kwargs))

    async def call_async(self, func: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call and await it.

        Raises:
            BreakerOpenError: refused; nothing was called.
        """
        return cast("T", await self._run_async(self._join_or_admit(), func, args, kwargs))

    def call_generator(
        self, func: Callable[P, Iterable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> Generator[T, Any, Any]:
        """Iterate over what it returns; admitted at the first `next`, a success when exhausted.

        Raises:
            BreakerOpenError: at the first `next`: refused; nothing was called.
        """
        return (yield from self._run_generator(self._join_or_admit(), func, args, kwargs))

    def call_async_generator(
        self, func: Callable[P, AsyncIterable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[T, Any]:
        """As `call_generator`, asynchronously; `aclose` runs the inner `finally` before it returns."""

        def begin(function: Function) -> tuple[Permit | None, Function]:
            return self._join_or_admit(), function

        return guarded_async_generator(self, func, begin)(*args, **kwargs)

    # --- blocks ---------------------------------------------------------------------------------

    def __enter__(self) -> None:
        permit = self._join_or_admit()
        if permit is not None:
            self._entered.append(permit)
        cover(self, permit)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        found = uncover(self)
        permit = None
        if found is not None:
            permit = found[1]
        elif self._entered:
            # Entered in another context, as when a generator is closed by whoever collects it.
            permit = self._entered[-1]
        if permit is not None:
            with contextlib.suppress(ValueError):
                self._entered.remove(permit)
            if error is None:
                self.settle(permit, BreakerOutcome.SUCCESS)
            else:
                self.settle_raised(permit, error)
        return False

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        return self.__exit__(exc_type, error, traceback)

    # --- one call -------------------------------------------------------------------------------

    def joined(self) -> bool:
        """Whether a call of this breaker is under way round this one, so that its permit covers both."""
        outer = running.get()
        while outer is not None:
            breaker, permit, outer = outer
            if breaker is self and permit is not None:
                return self.covers(permit)
        return False

    def covers(self, permit: Permit) -> bool:
        """Whether a call inside this permit's needs none of its own.

        Settled, or of an earlier epoch, it no longer says anything: ask anew.
        """
        return permit.epoch == self._epoch

    def _join_or_admit(self) -> Permit | None:
        return None if self.joined() else self.admit()

    def _admission(self) -> Callable[[], Permit]:
        """How decorated functions ask, so that a subclass may decide by overriding `opened`."""
        if inspect.getattr_static(type(self), "opened") is inspect.getattr_static(Controls, "opened"):
            return self.admit
        return self._admit_unless_opened

    def _admit_unless_opened(self) -> Permit:
        if self.opened:
            raise self._refuse()
        return self.admit()

    def _ask(self) -> Permit | None:
        return None if self.joined() else self._admission()()

    def _run(self, permit: Permit | None, function: Function, args: Args, kwargs: Kwargs) -> Any:  # noqa: ANN401 # the function's
        if permit is None:
            return function(*args, **kwargs)
        outer = running.get()
        running.set((self, permit, outer))
        try:
            answer = function(*args, **kwargs)
        except BaseException as error:
            self.settle_raised(permit, error)
            raise
        finally:
            running.set(outer)
        if answer is None or not hasattr(type(answer), "__await__"):
            self.settle(permit, BreakerOutcome.SUCCESS)
            return answer
        if asyncio.isfuture(answer):
            answer.add_done_callback(partial(self._settle_done, permit))
            return answer
        return self._run_async(permit, lambda: answer, (), {})

    def _settle_done(self, permit: Permit, future: asyncio.Future[Any]) -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if error is None:
            self.settle(permit, BreakerOutcome.SUCCESS)
        else:
            self.settle_raised(permit, error)

    async def _run_async(self, permit: Permit | None, function: Function, args: Args, kwargs: Kwargs) -> Any:  # noqa: ANN401 # the function's
        if permit is None:
            return await function(*args, **kwargs)
        outer = running.get()
        running.set((self, permit, outer))
        try:
            answer = await function(*args, **kwargs)
        except BaseException as error:
            self.settle_raised(permit, error)
            raise
        finally:
            running.set(outer)
        self.settle(permit, BreakerOutcome.SUCCESS)
        return answer

    def _run_generator(
        self, permit: Permit | None, function: Function, args: Args, kwargs: Kwargs
    ) -> Generator[Any, Any, Any]:
        if permit is None:
            return (yield from function(*args, **kwargs))
        return (yield from guarded_steps(self, permit, partial(function, *args, **kwargs)))

    def _begin_async_generator(self, function: Function) -> tuple[Permit | None, Function]:
        try:
            return self._ask(), function
        except BreakerOpenError:
            if self.fallback_function is None:
                raise
        return None, self.fallback_function
