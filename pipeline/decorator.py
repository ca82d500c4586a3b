"""`@dependency.guard(…)`, typed for async and sync functions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, NamedTuple, ParamSpec, Protocol, TypeVar, overload

from pipeline.fallbacks import Answer, Fallback
from pipeline.guard import Ask
from pipeline.prices import Charge

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)

Price = Callable[[Any], Charge | None]


class MakesFallback(Protocol[F_co]):
    """Gives a call's fallback from the call's arguments: `lambda url: pages.under(url)`."""

    def __call__(self, *args: Any, **kwargs: Any) -> Fallback[F_co]: ...  # noqa: ANN401


class Faces(NamedTuple):
    """A dependency's two ways to make a call; both take `price`, `fallback` and what `Ask` may hold."""

    call: Callable[..., Coroutine[Any, Any, Any]]
    call_sync: Callable[..., Any]


class Decorator:
    """Wraps a function so that each of its runs is one guarded call."""

    def __init__(self, faces: Faces, price: Price | None, ask: Ask) -> None:
        self._faces = faces
        self._price = price
        self._ask = ask

    @overload
    def __call__(self, function: Callable[P, Awaitable[T]], /) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __call__(self, function: Callable[P, T], /) -> Callable[P, T]: ...
    def __call__(self, function: Callable[P, Any], /) -> Callable[P, Any]:
        ask = _named(function, self._ask)
        (call, call_sync), price = self._faces, self._price
        if _is_async(function):

            @functools.wraps(function)
            async def guarded_async(*args: P.args, **kwargs: P.kwargs) -> object:
                return await call(lambda: function(*args, **kwargs), price=price, **ask)

            return guarded_async

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> object:
            return call_sync(lambda: function(*args, **kwargs), price=price, **ask)

        return guarded


class DecoratorWithFallback(Generic[F]):
    """As `Decorator`; the function then returns an `Answer`."""

    def __init__(
        self,
        faces: Faces,
        price: Price | None,
        ask: Ask,
        fallback: Fallback[F] | MakesFallback[F],
    ) -> None:
        self._faces = faces
        self._price = price
        self._ask = ask
        self._fallback = fallback

    @overload
    def __call__(  # type: ignore[overload-overlap]  # an awaitable is a value too; the first that fits counts
        self, function: Callable[P, Awaitable[T]], /
    ) -> Callable[P, Coroutine[Any, Any, Answer[T | F]]]: ...
    @overload
    def __call__(self, function: Callable[P, T], /) -> Callable[P, Answer[T | F]]: ...
    def __call__(self, function: Callable[P, Any], /) -> Callable[P, Any]:
        ask = _named(function, self._ask)
        (call, call_sync), price = self._faces, self._price
        if _is_async(function):

            @functools.wraps(function)
            async def guarded_async(*args: P.args, **kwargs: P.kwargs) -> object:
                fallback = self._fallback_of(*args, **kwargs)
                return await call(lambda: function(*args, **kwargs), price=price, fallback=fallback, **ask)

            return guarded_async

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> object:
            fallback = self._fallback_of(*args, **kwargs)
            return call_sync(lambda: function(*args, **kwargs), price=price, fallback=fallback, **ask)

        return guarded

    def _fallback_of(self, *args: object, **kwargs: object) -> Fallback[F]:
        return self._fallback(*args, **kwargs) if callable(self._fallback) else self._fallback


def _named(function: Callable[..., object], ask: Ask) -> Ask:
    """The function's name is the operation where the caller gave none.

    Raises:
        TypeError: a generator function, whose run is no one call.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{function!r} is a generator function; guard what it sends by `calling()`")
    return {"operation": getattr(function, "__name__", type(function).__name__), **ask}


def _is_async(function: Callable[..., object]) -> bool:
    return any(
        inspect.iscoroutinefunction(inspect.unwrap(code, stop=_runs_what_it_wraps))
        for code in (function, getattr(function, "__call__", function))  # noqa: B004  (or its class has it)
    )


def _runs_what_it_wraps(function: Callable[..., object]) -> bool:
    """Whether a plain function round an async one may run it, say by `asyncio.run`; then it is none itself.

    All may but those that check the arguments of an SDK's methods, where Stainless generates it, as OpenAI's
    and Anthropic's.
    """
    code = getattr(function, "__code__", None)
    return code is None or code.co_qualname != "required_args.<locals>.inner.<locals>.wrapper"
