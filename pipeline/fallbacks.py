"""What stands in when a provider has no answer, marked so that nobody takes it for one."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from pipeline.failures import retry_after_seconds
from pipeline.forks import hold_over_forks
from pipeline.metrics import FallbackKind

log = logging.getLogger(__name__)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
F_co = TypeVar("F_co", covariant=True)

UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Answer(Generic[T_co]):
    """What a call with a fallback returns.

    Attributes:
        value: The provider's answer or what stands in for it.
        fallback: What kind of stand-in it is; None for the provider's own answer.
        error: Why there was no answer; None for the provider's own.
    """

    value: T_co
    fallback: FallbackKind | None = None
    error: Exception | None = None

    @property
    def is_real(self) -> bool:
        return self.fallback is None


class Fallback(Protocol[F_co]):
    """One way to stand in."""

    def stand_in(self, error: Exception) -> Answer[F_co] | None:
        """The answer to give, or None where there is none; then the error goes on."""

    def learn(self, value: object) -> None:
        """The provider answered this."""


class _Made(Generic[T_co]):
    """A fallback that is made on the spot."""

    def __init__(self, kind: FallbackKind, make: Callable[[Exception], T_co]) -> None:
        self._kind = kind
        self._make = make

    def stand_in(self, error: Exception) -> Answer[T_co]:
        return Answer(self._make(error), self._kind, error)

    def learn(self, value: object) -> None:
        pass


def placeholder(value: T) -> Fallback[T]:
    """Always the same value, such as `UNKNOWN`."""
    return _Made(FallbackKind.PLACEHOLDER, lambda _: value)


def synthetic(make: Callable[[], T]) -> Fallback[T]:
    """What this function makes up: a heuristic, a template. Where it raises, the original error goes on."""
    return _Made(FallbackKind.SYNTHETIC, lambda _: make())


@dataclass(frozen=True, slots=True)
class Unavailable:
    """An error as a value, for a user interface: no exception text, which may quote request or answer.

    `retry_after_seconds` is None where nobody knows.
    """

    reason: str
    retry_after_seconds: float | None


def error_value() -> Fallback[Unavailable]:
    """An `Unavailable` with the error's class for a reason."""
    return error_as(lambda error: Unavailable(type(error).__name__, retry_after_seconds(error)))


def error_as(make: Callable[[Exception], T]) -> Fallback[T]:
    """The error as a value of your own."""
    return _Made(FallbackKind.ERROR, make)


class CachedResponses(Generic[T]):
    """The last answers by a key of the caller's; each stands in until it is too old.

    Threads may share one. Answers are kept as they are, not copied: don't change what a call returned.
    """

    def __init__(
        self, *, max_entries: int, ttl_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """The entry longest unused makes room for a new one.

        Raises:
            ValueError: no room for an entry, or a time that is not positive.
        """
        if max_entries < 1:
            raise ValueError(f"max_entries: {max_entries} must be at least 1")
        if not (ttl_seconds > 0 and math.isfinite(ttl_seconds)):
            raise ValueError(f"ttl_seconds: {ttl_seconds} must be more than 0 and finite")
        self._max_entries = max_entries
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._over_forks = hold_over_forks(self._lock)
        self._entries: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def under(self, key: Hashable) -> Fallback[T]:
        """The fallback of one call: it learns what the call returns, and recalls that."""
        return _UnderKey(self, key)

    def keep(self, key: Hashable, value: T) -> None:
        with self._lock:
            self._entries[key] = (self._clock() + self._ttl_seconds, value)
            self._entries.move_to_end(key)
            if len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def recall(self, key: Hashable) -> tuple[T] | None:
        """The value, in a tuple as it may be None; None where it is unknown or too old."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            expires, value = entry
            if self._clock() >= expires:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return (value,)


class _UnderKey(Generic[T]):
    def __init__(self, responses: CachedResponses[T], key: Hashable) -> None:
        self._responses = responses
        self._key = key

    def stand_in(self, error: Exception) -> Answer[T] | None:
        known = self._responses.recall(self._key)
        return None if known is None else Answer(known[0], FallbackKind.CACHED, error)

    def learn(self, value: object) -> None:
        self._responses.keep(self._key, value)  # type: ignore[arg-type]  # the guard hands on its call's answer


class _FirstOf(Generic[T_co]):
    def __init__(self, fallbacks: tuple[Fallback[T_co], ...]) -> None:
        self._fallbacks = fallbacks

    def stand_in(self, error: Exception) -> Answer[T_co] | None:
        for fallback in self._fallbacks:
            answer = stand_in_safely(fallback, error)
            if answer is not None:
                return answer
        return None

    def learn(self, value: object) -> None:
        for fallback in self._fallbacks:
            learn_safely(fallback, value)


def first_of(*fallbacks: Fallback[T]) -> Fallback[T]:
    """The first that has an answer, such as a cached response and then a placeholder."""
    return _FirstOf(fallbacks)


def learn_safely(fallback: Fallback[T], value: object) -> None:
    """Let it learn; one that cannot must not cost the caller an answer that is paid for."""
    try:
        fallback.learn(value)
    except Exception:
        log.exception("fallback.failed fallback=%s", type(fallback).__name__)


def stand_in_safely(fallback: Fallback[T], error: Exception) -> Answer[T] | None:
    """As the fallback says; one that raises has no answer, so that the original error is seen."""
    try:
        return fallback.stand_in(error)
    except Exception:
        log.exception("fallback.failed fallback=%s", type(fallback).__name__)
        return None
