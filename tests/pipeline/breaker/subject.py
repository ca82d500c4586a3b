"""What the defects are tried on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from tests.clock import Clock

F = TypeVar("F", bound=Callable[..., Any])


class Subject:
    """A class of breakers, the clock that they read, and what to try on them."""

    def __init__(self, make: Callable[..., Any], clock: Clock) -> None:
        self._make = make
        self.clock = clock
        self.made = 0

    def breaker(
        self, failure_threshold: int | None = 3, recovery_timeout: float | None = 10, **options: Any
    ) -> Any:
        self.made += 1
        options.setdefault("name", f"subject_{self.made}")
        return self._make(failure_threshold=failure_threshold, recovery_timeout=recovery_timeout, **options)

    def opened(self, **options: Any) -> Any:
        breaker = self.breaker(**options)
        self.fail(breaker, 3)
        assert breaker.opened
        return breaker

    def half_open(self, **options: Any) -> Any:
        breaker = self.opened(**options)
        self.clock.advance(10)
        assert breaker.state == "half_open"
        return breaker

    @staticmethod
    def fail(breaker: Any, times: int = 1) -> None:
        for _ in range(times):
            caught(lambda: breaker.call(broken))


def broken() -> None:
    raise ConnectionError


def guarded(breaker: Any) -> Callable[[F], F]:
    """The breaker as a decorator, for whichever class it is of."""
    return cast("Callable[[F], F]", breaker)


async def broken_async() -> None:
    raise ConnectionError


def caught(function: Callable[[], object]) -> BaseException | None:
    try:
        function()
    except BaseException as error:  # noqa: BLE001
        return error
    return None


async def caught_async(awaitable: Awaitable[object]) -> BaseException | None:
    try:
        await awaitable
    except Exception as error:  # noqa: BLE001
        return error
    return None
