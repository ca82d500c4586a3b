"""The guard round one external service: what a pipeline calls instead of calling the service itself."""

from __future__ import annotations

import inspect
import logging
import math
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar, Unpack, overload

from pipeline.breaker import Backoff, Rates
from pipeline.context import current_layer
from pipeline.decorator import Decorator, DecoratorWithFallback, Faces, MakesFallback
from pipeline.failures import ErrorTest, counts_against_provider, is_replaceable
from pipeline.fallbacks import Answer, Fallback, learn_safely, stand_in_safely
from pipeline.gates import Call, Gate
from pipeline.guard import Ask, Guard
from pipeline.meter import Meter
from pipeline.prices import Charge
from pipeline.retries import Retries
from pipeline.scope import CallScope

log = logging.getLogger(__name__)

T = TypeVar("T")
F = TypeVar("F")

_NO_BACKOFF: Final = Backoff()


class Dependency(Guard):
    """One external service, by the name that joins its metrics, breaker, probe and panel.

    Every call passes `gates` in their order; then it is settled in the reverse order and counted under
    the layer that is running. Safe in tasks and threads.
    """

    def __init__(
        self,
        name: str,
        *,
        meter: Meter,
        paid: bool = False,
        rate_limit: Gate | None = None,
        budget: Gate | None = None,
        call_timeout_seconds: float = 60.0,
        failure_threshold: float = 5,
        recovery_timeout_seconds: float = 30.0,
        success_threshold: int = 2,
        rates: Rates | None = None,
        slow_call_seconds: float = math.inf,
        backoff: Backoff = _NO_BACKOFF,
        counts_as_failure: ErrorTest = counts_against_provider,
        falls_back_on: ErrorTest = is_replaceable,
        retries: Retries | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Every series that can be known exists from now on; with `paid`, those of its prices too.

        Raises:
            ValueError: a name that is no label value, or a bad threshold or duration.
        """
        super().__init__(
            name,
            meter=meter,
            paid=paid,
            rate_limit=rate_limit,
            budget=budget,
            call_timeout_seconds=call_timeout_seconds,
            failure_threshold=failure_threshold,
            recovery_timeout_seconds=recovery_timeout_seconds,
            success_threshold=success_threshold,
            rates=rates,
            slow_call_seconds=slow_call_seconds,
            backoff=backoff,
            counts_as_failure=counts_as_failure,
            clock=clock,
        )
        self.retries = retries
        self._falls_back_on = falls_back_on

    @overload
    def call(
        self,
        function: Callable[[], Awaitable[T]],
        *,
        price: Callable[[T], Charge | None] | None = None,
        fallback: None = None,
        **ask: Unpack[Ask],
    ) -> Coroutine[Any, Any, T]: ...
    @overload
    def call(
        self,
        function: Callable[[], Awaitable[T]],
        *,
        price: Callable[[T], Charge | None] | None = None,
        fallback: Fallback[F],
        **ask: Unpack[Ask],
    ) -> Coroutine[Any, Any, Answer[T | F]]: ...
    def call(
        self,
        function: Callable[[], Awaitable[T]],
        *,
        price: Callable[[T], Charge | None] | None = None,
        fallback: Fallback[F] | None = None,
        **ask: Unpack[Ask],
    ) -> Coroutine[Any, Any, T] | Coroutine[Any, Any, Answer[T | F]]:
        """Make one guarded call: `function` sends it, `price` says what the answer cost.

        A `price` of None is a free call. With a `fallback` it returns an `Answer`, which says whether it
        is the provider's. What `ask` may hold, `max_usd` for the budget among it, is in `Call`.

        Raises:
            RejectedError: a gate refused it, the breaker by BreakerOpenError; nothing was sent.
            TimeoutError: no answer within `call_timeout_seconds`.
            Exception: whatever `function` raises.
        """
        if fallback is not None:
            return self._call_or_stand_in(function, price, fallback, ask)
        return self._call_or_retry(function, price, ask)

    @overload
    def call_sync(
        self,
        function: Callable[[], T],
        *,
        price: Callable[[T], Charge | None] | None = None,
        fallback: None = None,
        **ask: Unpack[Ask],
    ) -> T: ...
    @overload
    def call_sync(
        self,
        function: Callable[[], T],
        *,
        price: Callable[[T], Charge | None] | None = None,
        fallback: Fallback[F],
        **ask: Unpack[Ask],
    ) -> Answer[T | F]: ...
    def call_sync(
        self,
        function: Callable[[], T],
        *,
        price: Callable[[T], Charge | None] | None = None,
        fallback: Fallback[F] | None = None,
        **ask: Unpack[Ask],
    ) -> T | Answer[T | F]:
        """As `call`, in this thread, which nothing can interrupt: give the client a timeout too.

        An answer that comes after `call_timeout_seconds` is returned, as it is paid for, and counted as
        a timeout: the breaker learns of it.

        Raises:
            TypeError: the function returns an awaitable, so that nothing was sent; make it by `call`.
        """

        def attempt() -> T:
            with CallScope(self, ask) as call:
                answer = function()
                _refuse_awaitable(answer)
                self.set_price(call, price, answer)
            return answer

        def run() -> T:
            return (
                attempt() if self.retries is None else self.retries.call_sync(attempt, dependency=self.name)
            )

        if fallback is None:
            return run()
        try:
            answer = run()
        except Exception as error:  # noqa: BLE001  (it is raised again where no fallback stands in)
            return self._stand_in(fallback, error)
        learn_safely(fallback, answer)
        return Answer(answer)

    def calling(self, **ask: Unpack[Ask]) -> CallScope:
        """`async with` or `with`: everything inside is one call; set `charge` on what it gives you.

        Retries and fallbacks are not for it: nobody can run a block twice.
        """
        return CallScope(self, ask)

    @overload
    def guard(
        self,
        *,
        price: Callable[[Any], Charge | None] | None = None,
        fallback: None = None,
        **ask: Unpack[Ask],
    ) -> Decorator: ...
    @overload
    def guard(
        self,
        *,
        price: Callable[[Any], Charge | None] | None = None,
        fallback: Fallback[F] | MakesFallback[F],
        **ask: Unpack[Ask],
    ) -> DecoratorWithFallback[F]: ...
    def guard(
        self,
        *,
        price: Callable[[Any], Charge | None] | None = None,
        fallback: Fallback[F] | MakesFallback[F] | None = None,
        **ask: Unpack[Ask],
    ) -> Decorator | DecoratorWithFallback[F]:
        """A decorator for async and sync functions; `operation` is the function's name if not given.

        `fallback` may be a function of the call's arguments that gives one: that is how a cache gets its
        key. With one, the function returns an `Answer`.
        """
        faces = Faces(self.call, self.call_sync)
        if fallback is None:
            return Decorator(faces, price, ask)
        return DecoratorWithFallback(faces, price, ask, fallback)

    async def _call_once(
        self,
        function: Callable[[], Awaitable[T]],
        price: Callable[[T], Charge | None] | None,
        ask: Ask,
    ) -> T:
        layer = current_layer()
        series = self._layers.get(layer)
        call = Call(layer, self.declare(layer) if series is None else series)
        call.is_async = True
        if ask:
            call.ask(**ask)
        if self._can_wait:
            await self.enter_async(call)
        else:
            self.enter(call)
        try:
            answer = await function()
        except BaseException as error:
            seen = self.settle(call, error)
            if seen is error or seen is None:
                raise
            raise seen from error
        if price is not None:
            self.set_price(call, price, answer)
        self.settle(call, None)
        return answer

    def _call_or_retry(
        self,
        function: Callable[[], Awaitable[T]],
        price: Callable[[T], Charge | None] | None,
        ask: Ask,
    ) -> Coroutine[Any, Any, T]:
        if self.retries is None:
            return self._call_once(function, price, ask)
        return self.retries.call(lambda: self._call_once(function, price, ask), dependency=self.name)

    async def _call_or_stand_in(
        self,
        function: Callable[[], Awaitable[T]],
        price: Callable[[T], Charge | None] | None,
        fallback: Fallback[F],
        ask: Ask,
    ) -> Answer[T | F]:
        try:
            answer = await self._call_or_retry(function, price, ask)
        except Exception as error:  # noqa: BLE001  (it is raised again where no fallback stands in)
            return self._stand_in(fallback, error)
        learn_safely(fallback, answer)
        return Answer(answer)

    def _stand_in(self, fallback: Fallback[F], error: Exception) -> Answer[F]:
        """The fallback's answer, or the error again."""
        answer = stand_in_safely(fallback, error) if self._is_replaceable(error) else None
        if answer is None:
            raise error
        if answer.fallback is not None:
            self.declare(current_layer()).fallbacks[answer.fallback].inc()
        return answer

    def _is_replaceable(self, error: Exception) -> bool:
        try:
            return self._falls_back_on(error)
        except Exception:
            log.exception("fallback.test_failed dependency=%s", self.name)
            return False


def _refuse_awaitable(answer: object) -> None:
    if not inspect.isawaitable(answer):
        return
    if inspect.iscoroutine(answer):
        answer.close()
    raise TypeError(
        "the function returns an awaitable, which sends nothing yet;"
        " make the call by `call`, or guard an async function"
    )
