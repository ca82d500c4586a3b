"""A circuit breaker that subclasses circuitbreaker's and admits by permit.

A call asks for admission and gets a permit; the permit is settled once with an outcome. A permit of
an earlier state (epoch) is stale: it is counted and changes nothing. That is what keeps a late answer
from closing an open breaker, and a cancelled trial from closing a half-open one.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, ParamSpec, Protocol, TypeVar

import circuitbreaker

from pipeline.metrics import BreakerOutcome, BreakerState

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class BreakerOpenError(circuitbreaker.CircuitBreakerError):  # type: ignore[misc]
    """The breaker refused the call; nothing was sent. Fresh for each refusal, and picklable."""

    def __init__(self, name: str, retry_after_seconds: float) -> None:
        Exception.__init__(self, name, retry_after_seconds)
        self.name = name
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return f"circuit breaker {self.name} is open; try again in {self.retry_after_seconds:.1f} s"


class BreakerListener(Protocol):
    """Told of every outcome and transition, after the breaker's lock is released."""

    def on_outcome(self, outcome: BreakerOutcome) -> None: ...

    def on_transition(self, from_state: BreakerState, to_state: BreakerState) -> None: ...


@dataclass(slots=True, eq=False)
class Permit:
    """The right to make one call; settled once."""

    epoch: int
    trial: bool
    started: float
    settled: bool = field(default=False)


class Breaker(circuitbreaker.CircuitBreaker):  # type: ignore[misc]
    """Opens after consecutive failures, lets a few trials through after the recovery timeout.

    A matched exception is a failure; any other `Exception` means that the provider answered, so it is
    a success. Cancellation, `KeyboardInterrupt` and the like say nothing about the provider and are
    ignored, unless the call had already run longer than `call_timeout_seconds`: then the provider hung.
    """

    def __init__(
        self,
        failure_threshold: int | None = None,
        recovery_timeout: float | None = None,
        expected_exception: type[BaseException]
        | Iterable[type[BaseException]]
        | Callable[..., bool]
        | None = None,
        name: str | None = None,
        fallback_function: Callable[..., Any] | None = None,
        *,
        success_threshold: int = 1,
        half_open_max_calls: int = 1,
        call_timeout_seconds: float = math.inf,
        trial_lease_seconds: float = 300.0,
        listener: BreakerListener | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Positional parameters are those of `circuitbreaker.CircuitBreaker`; durations are in seconds.

        Raises:
            ValueError: a threshold below 1, a negative recovery timeout, a duration that is not positive.
        """
        super().__init__(failure_threshold, recovery_timeout, expected_exception, name, fallback_function)
        # The parent takes 0 for "not given"; here 0 is a value, refused where it makes no sense.
        self._failure_threshold = self.FAILURE_THRESHOLD if failure_threshold is None else failure_threshold
        self._recovery_timeout = self.RECOVERY_TIMEOUT if recovery_timeout is None else recovery_timeout
        _require(self._failure_threshold >= 1, "failure_threshold", self._failure_threshold, "at least 1")
        _require(self._recovery_timeout >= 0, "recovery_timeout", self._recovery_timeout, "0 or more seconds")
        _require(success_threshold >= 1, "success_threshold", success_threshold, "at least 1")
        _require(half_open_max_calls >= 1, "half_open_max_calls", half_open_max_calls, "at least 1")
        _require(call_timeout_seconds > 0, "call_timeout_seconds", call_timeout_seconds, "more than 0")
        _require(trial_lease_seconds > 0, "trial_lease_seconds", trial_lease_seconds, "more than 0")
        self._success_threshold = success_threshold
        self._half_open_max_calls = half_open_max_calls
        self._call_timeout_seconds = call_timeout_seconds
        self._trial_lease_seconds = trial_lease_seconds
        self._listener = listener
        self._clock = clock
        self._lock = threading.Lock()
        self._failure_count: int = 0
        self._breaker_state = BreakerState.CLOSED
        self._epoch = 0
        self._opened = clock()
        self._trials: list[Permit] = []
        self._trial_successes = 0
        self._entered: ContextVar[tuple[Permit, ...]] = ContextVar("entered", default=())

    # --- admission and settlement -------------------------------------------------------------

    def admit(self) -> Permit:
        """Ask to make one call.

        Raises:
            BreakerOpenError: not now; it says when to ask again.
        """
        transition = None
        rejection = None
        permit = None
        with self._lock:
            now = self._clock()
            if self._breaker_state is BreakerState.OPEN and now - self._opened >= self._recovery_timeout:
                transition = self._move_to(BreakerState.HALF_OPEN)
            if self._breaker_state is BreakerState.CLOSED:
                permit = Permit(self._epoch, trial=False, started=now)
            elif self._breaker_state is BreakerState.HALF_OPEN and self._has_room_for_trial(now):
                permit = Permit(self._epoch, trial=True, started=now)
                self._trials.append(permit)
            else:
                rejection = BreakerOpenError(str(self), max(0.0, self._opened + self._recovery_timeout - now))
        self._tell(BreakerOutcome.REJECTED if rejection else None, transition)
        if permit is None:
            assert rejection is not None  # noqa: S101
            raise rejection
        return permit

    def settle(self, permit: Permit, outcome: BreakerOutcome) -> None:
        """Say how an admitted call ended: success, failure or ignored. Settling again does nothing."""
        transition = None
        with self._lock:
            if permit.settled:
                return
            permit.settled = True
            if permit in self._trials:
                self._trials.remove(permit)
            if permit.epoch != self._epoch:
                outcome = BreakerOutcome.STALE
            elif outcome is BreakerOutcome.FAILURE:
                self._failure_count += 1
                if permit.trial or self._failure_count >= self._failure_threshold:
                    transition = self._move_to(BreakerState.OPEN)
            elif outcome is BreakerOutcome.SUCCESS:
                if not permit.trial:
                    self._failure_count = 0
                else:
                    self._trial_successes += 1
                    if self._trial_successes >= self._success_threshold:
                        transition = self._move_to(BreakerState.CLOSED)
        self._tell(outcome, transition)

    def settle_raised(self, permit: Permit, error: BaseException) -> None:
        """Settle by the exception with which the call ended."""
        self.settle(permit, self._judge(permit, error))

    def _judge(self, permit: Permit, error: BaseException) -> BreakerOutcome:
        if isinstance(error, circuitbreaker.CircuitBreakerError):
            return BreakerOutcome.IGNORED  # another breaker's refusal says nothing about this provider
        if isinstance(error, BaseExceptionGroup):
            verdicts = {self._judge(permit, inner) for inner in error.exceptions}
            for verdict in (BreakerOutcome.FAILURE, BreakerOutcome.IGNORED):
                if verdict in verdicts:
                    return verdict
            return BreakerOutcome.SUCCESS
        try:
            matched = bool(self.is_failure(type(error), error))
        except Exception:
            log.exception("breaker.predicate_failed breaker=%s", self)
            matched = True
        if isinstance(error, Exception):
            return BreakerOutcome.FAILURE if matched else BreakerOutcome.SUCCESS
        if isinstance(error, asyncio.CancelledError):
            hung = self._clock() - permit.started >= self._call_timeout_seconds
            return BreakerOutcome.FAILURE if hung else BreakerOutcome.IGNORED
        return BreakerOutcome.IGNORED

    def _has_room_for_trial(self, now: float) -> bool:
        """A trial that has outlived its lease is given up, so that a hung one cannot wedge the breaker."""
        live = [trial for trial in self._trials if now - trial.started < self._trial_lease_seconds]
        for expired in self._trials:
            if expired not in live:
                expired.epoch = -1  # whatever it says later is stale
        self._trials = live
        return len(live) < self._half_open_max_calls

    def _move_to(self, state: BreakerState) -> tuple[BreakerState, BreakerState]:
        transition = (self._breaker_state, state)
        self._breaker_state = state
        self._epoch += 1
        self._trials = []
        self._trial_successes = 0
        if state is BreakerState.OPEN:
            self._opened = self._clock()
        else:
            self._failure_count = 0
        return transition

    def _tell(
        self, outcome: BreakerOutcome | None, transition: tuple[BreakerState, BreakerState] | None
    ) -> None:
        if self._listener is None:
            return
        try:
            if outcome is not None:
                self._listener.on_outcome(outcome)
            if transition is not None:
                self._listener.on_transition(*transition)
        except Exception:
            log.exception("breaker.listener_failed breaker=%s", self)

    # --- circuitbreaker's interface -------------------------------------------------------------

    def call(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self:
            return func(*args, **kwargs)

    async def call_async(self, func: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        with self:
            return await func(*args, **kwargs)

    def call_generator(
        self, func: Callable[P, Iterable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> Iterator[T]:
        permit = self.admit()
        try:
            yield from func(*args, **kwargs)
        except BaseException as error:
            self.settle_raised(permit, error)
            raise
        self.settle(permit, BreakerOutcome.SUCCESS)

    async def call_async_generator(
        self, func: Callable[P, AsyncIterator[T]], *args: P.args, **kwargs: P.kwargs
    ) -> AsyncIterator[T]:
        permit = self.admit()
        try:
            async for element in func(*args, **kwargs):
                yield element
        except BaseException as error:
            self.settle_raised(permit, error)
            raise
        self.settle(permit, BreakerOutcome.SUCCESS)

    def __enter__(self) -> None:
        self._entered.set((*self._entered.get(), self.admit()))

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Literal[False]:
        *outer, permit = self._entered.get()
        self._entered.set(tuple(outer))
        if error is None:
            self.settle(permit, BreakerOutcome.SUCCESS)
        else:
            self.settle_raised(permit, error)
        return False

    def reset(self) -> None:
        """Close, whatever came before; answers of calls under way are stale."""
        with self._lock:
            transition = None
            if self._breaker_state is not BreakerState.CLOSED:
                transition = self._move_to(BreakerState.CLOSED)
            self._failure_count = 0
        self._tell(None, transition)

    @property
    def state(self) -> str:
        """As the parent: `half_open` as soon as the recovery timeout is over."""
        if self._breaker_state is BreakerState.OPEN and self.open_remaining <= 0:
            return BreakerState.HALF_OPEN.value
        return self._breaker_state.value

    @property
    def open_remaining(self) -> int:
        """Seconds until trials are let through, rounded away from zero."""
        remaining = self._opened + self._recovery_timeout - self._clock()
        return math.ceil(remaining) if remaining > 0 else math.floor(remaining)


def _require(holds: bool, key: str, value: float, rule: str) -> None:  # noqa: FBT001
    if not holds:
        raise ValueError(f"{key}: {value} must be {rule}")
