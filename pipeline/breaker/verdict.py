"""What an exception says about the provider."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from inspect import isclass
from typing import Protocol

import circuitbreaker

from pipeline.breaker.require import require
from pipeline.metrics import BreakerOutcome
from pipeline.rejections import RejectedError

log = logging.getLogger(__name__)

Predicate = Callable[[type[BaseException], BaseException], bool]
Kinds = type[BaseException] | Iterable[type[BaseException]] | Callable[..., bool]
"""Which exceptions are meant: a type, several, or a predicate of type and exception."""


class Judged(Protocol):
    @property
    def is_failure(self) -> Predicate: ...


class Verdict:
    """Judges the exceptions of one breaker.

    - an `ignored` exception, and any refusal of ours or of another breaker: ignored
    - a matched one: failure; another `Exception` means that the provider answered: success
    - cancellation, `KeyboardInterrupt` and the like: ignored, unless a type of `expected` names them or
      the call had run too long when it was cancelled, whoever cancelled it: failure
    - a group: its members' worst, in the order failure, ignored, success
    - a predicate that raises: logged, and taken as a failure
    """

    __slots__ = ("_expected", "_ignored")

    def __init__(self, expected: Kinds, ignored: Kinds | None) -> None:
        self._expected = named_types(expected)
        self._ignored = None if ignored is None else predicate("ignored_exception", ignored)

    def of(self, error: BaseException, breaker: Judged, ran_too_long: Callable[[], bool]) -> BreakerOutcome:
        """Judge one exception; `ran_too_long` is asked about a cancelled call only."""
        if isinstance(error, (circuitbreaker.CircuitBreakerError, RejectedError)):
            return BreakerOutcome.IGNORED
        if self._ignored is not None and _answer(self._ignored, error, breaker, otherwise=False):
            return BreakerOutcome.IGNORED
        if isinstance(error, BaseExceptionGroup):
            verdicts = {self.of(inner, breaker, ran_too_long) for inner in error.exceptions}
            if BreakerOutcome.FAILURE in verdicts:
                return BreakerOutcome.FAILURE
            if BreakerOutcome.IGNORED in verdicts:
                return BreakerOutcome.IGNORED
        if isinstance(error, Exception):
            matched = _answer(breaker.is_failure, error, breaker, otherwise=True)
            return BreakerOutcome.FAILURE if matched else BreakerOutcome.SUCCESS
        hung = isinstance(error, asyncio.CancelledError) and ran_too_long()
        named = isinstance(error, self._expected)
        return BreakerOutcome.FAILURE if hung or named else BreakerOutcome.IGNORED


def _answer(asked: Predicate, error: BaseException, breaker: Judged, *, otherwise: bool) -> bool:
    try:
        return bool(asked(type(error), error))
    except Exception:
        log.exception("breaker.predicate_failed breaker=%s", breaker)
        return otherwise


def named_types(kinds: Kinds) -> tuple[type[BaseException], ...]:
    """The types among them; none of a predicate."""
    if isclass(kinds) and issubclass(kinds, BaseException):
        return (kinds,)
    return tuple(kinds) if isinstance(kinds, Iterable) else ()


def predicate(key: str, kinds: Kinds) -> Predicate:
    """One predicate for all of them; `BaseException` may be named too, unlike in circuitbreaker's.

    Raises:
        ValueError: no types, a text, or what is neither exceptions nor a function.
    """
    if isclass(kinds) and issubclass(kinds, BaseException):
        kinds = (kinds,)
    if isinstance(kinds, Iterable) and not isinstance(kinds, (str, bytes)):
        kinds = tuple(kinds)
        require(bool(kinds), key, kinds, "at least one type of exception")
    found: Predicate = circuitbreaker.build_failure_predicate(kinds)
    return found
