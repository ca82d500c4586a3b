"""The states of a breaker: who is admitted, and what an outcome changes."""

from __future__ import annotations

import inspect
import logging
import math
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import circuitbreaker

from pipeline.breaker.backoff import CONSTANT, Backoff
from pipeline.breaker.errors import BreakerOpenError, keepsake
from pipeline.breaker.permit import Permit
from pipeline.breaker.rates import Rates
from pipeline.breaker.require import require
from pipeline.breaker.telling import BreakerListener, Untold
from pipeline.breaker.trials import Trials
from pipeline.breaker.verdict import Kinds, Verdict, predicate
from pipeline.forks import ForkGuard
from pipeline.metrics import BreakerOutcome, BreakerState

log = logging.getLogger(__name__)

_CLOSED, _HALF_OPEN, _OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN
_SUCCESS, _FAILURE, _IGNORED = BreakerOutcome.SUCCESS, BreakerOutcome.FAILURE, BreakerOutcome.IGNORED
_SETTLES = frozenset({_SUCCESS, _FAILURE, _IGNORED})
_REJECTED, _STALE = BreakerOutcome.REJECTED, BreakerOutcome.STALE


class Machine(circuitbreaker.CircuitBreaker):  # type: ignore[misc]
    """Admission and settlement, safe in threads and tasks.

    One lock, held for a few assignments and never while a function, a listener or a clock that was passed
    in runs. It is reentrant because the garbage collector may close a guarded generator, which settles it,
    in the middle of those assignments. The closed path, where nothing changes, takes no lock.
    """

    def __init__(
        self,
        failure_threshold: float | None = None,
        recovery_timeout: float | None = None,
        expected_exception: Kinds | None = None,
        name: str | None = None,
        fallback_function: Callable[..., Any] | None = None,
        *,
        ignored_exception: Kinds | None = None,
        success_threshold: int = 1,
        half_open_max_calls: int = 1,
        call_timeout_seconds: float = 60.0,
        slow_call_seconds: float = math.inf,
        trial_lease_seconds: float = 300.0,
        rates: Rates | None = None,
        backoff: Backoff = CONSTANT,
        listener: BreakerListener | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Positional parameters are those of `circuitbreaker.CircuitBreaker`; durations are in seconds.

        Args:
            failure_threshold: consecutive failures that open it; `math.inf` leaves that to `rates`.
            recovery_timeout: from opening to the first trial.
            expected_exception: what counts as a failure; every `Exception` by default.
            name: the name in errors, logs and circuitbreaker's monitor.
            fallback_function: answers in the place of a decorated function that is refused.
            ignored_exception: what counts neither as success nor as failure.
            success_threshold: good trials that close it.
            half_open_max_calls: trials under way at once.
            call_timeout_seconds: a call cancelled after that long is a failure: the provider hung.
            slow_call_seconds: from here on a call is slow; cancelled then, it is a failure too.
            trial_lease_seconds: after that long a trial's place is given to the next.
            rates: opens it by the share of failed or slow calls, besides the consecutive failures.
            backoff: how failed trials lengthen the recovery timeout, and its jitter.
            listener: told of outcomes and transitions.
            clock: seconds that never go back.

        Raises:
            ValueError: a value that makes no sense; the message names the rule.
        """
        if expected_exception is None:
            expected_exception = inspect.getattr_static(type(self), "EXPECTED_EXCEPTION")
        matches = predicate("expected_exception", expected_exception)
        super().__init__(expected_exception=matches, name=name)
        self._name: str | None = name
        # The parent takes 0 for "not given"; here 0 is a value, refused where it makes no sense.
        self._failure_threshold = self.FAILURE_THRESHOLD if failure_threshold is None else failure_threshold
        self._recovery_timeout = self.RECOVERY_TIMEOUT if recovery_timeout is None else recovery_timeout
        self._fallback_function = self.FALLBACK_FUNCTION if fallback_function is None else fallback_function
        require(self._failure_threshold >= 1, "failure_threshold", self._failure_threshold, "at least 1")
        require(self._recovery_timeout >= 0, "recovery_timeout", self._recovery_timeout, "0 or more seconds")
        require(success_threshold >= 1, "success_threshold", success_threshold, "at least 1")
        require(half_open_max_calls >= 1, "half_open_max_calls", half_open_max_calls, "at least 1")
        require(call_timeout_seconds > 0, "call_timeout_seconds", call_timeout_seconds, "more than 0")
        require(slow_call_seconds > 0, "slow_call_seconds", slow_call_seconds, "more than 0")
        require(trial_lease_seconds > 0, "trial_lease_seconds", trial_lease_seconds, "more than 0")
        if rates is not None and rates.slow_call_rate is not None:
            given = slow_call_seconds < math.inf
            require(given, "slow_call_seconds", slow_call_seconds, "finite where there is a slow_call_rate")
        self._verdict = Verdict(expected_exception, ignored_exception)
        self._success_threshold = success_threshold
        self._hung_after_seconds = min(call_timeout_seconds, slow_call_seconds)
        self._slow_call_seconds = slow_call_seconds
        self._rates = rates
        self._window = None if rates is None else rates.window()
        self._backoff = backoff
        self._on_outcome = None if listener is None else listener.on_outcome
        self._untold = None if listener is None else Untold(listener)
        self.clock = clock
        self._lock = threading.RLock()
        self._failure_count: int = 0
        self._last_failure: BaseException | None = None
        self._disabled = False
        self._now_in = _CLOSED
        self._epoch = 0
        self._closed_epoch: int | None = 0
        self._timeout_seconds: float = self._recovery_timeout
        self._reopens_at: float = clock() + self._recovery_timeout
        self._trials = Trials(half_open_max_calls, trial_lease_seconds)
        self._trial_successes = 0
        self._entered: list[Permit] = []
        _forks.add(self)

    # --- forks ----------------------------------------------------------------------------------

    def before_fork(self) -> None:
        self._lock.acquire()

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """The calls under way are the parent's: here they are stale, cover nothing, hold no place."""
        self._epoch += 1
        if self._closed_epoch is not None:
            self._closed_epoch = self._epoch
        self._trials.forget()
        if self._untold is not None:
            self._untold.after_fork_in_child()
        self._lock.release()

    # --- admission ------------------------------------------------------------------------------

    def admit(self) -> Permit:
        """Ask to make one call.

        Raises:
            BreakerOpenError: not now; it says when to ask again.
        """
        # One read says both that it is closed and since when, so that no lock is needed.
        epoch = self._closed_epoch
        if epoch is not None:
            return Permit(epoch, self.clock())
        now = self.clock()
        permit = None
        with self._lock:
            if self._now_in is _OPEN and now >= self._reopens_at:
                self._move_to(_HALF_OPEN, now)
            if self._now_in is _CLOSED:
                permit = Permit(self._epoch, now)
            elif self._now_in is _HALF_OPEN and self._trials.have_room(now):
                permit = Permit(self._epoch, now)
                self._trials.begin(permit)
            retry_after_seconds = self._retry_after(now)
        if permit is None:
            self._tell(_REJECTED)
            raise BreakerOpenError(str(self), retry_after_seconds)
        self._tell(None)
        return permit

    def admit_if_closed(self) -> Permit | None:
        """As `admit` where the breaker is closed; None where that has to be looked at."""
        epoch = self._closed_epoch
        return None if epoch is None else Permit(epoch, self.clock())

    def _refuse(self) -> BreakerOpenError:
        """A refusal that is counted, for the caller to raise."""
        now = self.clock()
        with self._lock:
            retry_after_seconds = self._retry_after(now)
        self._tell(_REJECTED)
        return BreakerOpenError(str(self), retry_after_seconds)

    def _retry_after(self, now: float) -> float:
        lease_seconds = self._trials.first_lease_seconds(now)
        if self._now_in is _HALF_OPEN and lease_seconds is not None:
            # The trials decide; should they hang, a place is free when the first lease ends.
            return max(0.0, min(self._recovery_timeout, lease_seconds))
        return max(0.0, self._reopens_at - now)

    # --- settlement -----------------------------------------------------------------------------

    def settle(self, permit: Permit, outcome: BreakerOutcome) -> None:
        """Say how an admitted call ended: success, failure or ignored. Settling again does nothing.

        Raises:
            ValueError: another outcome; those are the breaker's to find.
        """
        if outcome is not _SUCCESS or not self.settle_untold(permit):
            self._settle(permit, outcome, None)
        elif self._on_outcome is not None:
            try:
                self._on_outcome(_SUCCESS)
            except Exception:
                log.exception("breaker.listener_failed breaker=%s", self)

    def settle_untold(self, permit: Permit) -> bool:
        """Settle a success that changes nothing and leave telling to the caller; False if it may."""
        # The order is what makes it safe without the lock: an epoch never comes back, so where it is
        # still the permit's, it was when the count was read.
        return (
            self._failure_count == 0
            and self._last_failure is None
            and permit.epoch == self._closed_epoch
            and (permit.claim() if self._window is None else self._settle_good(permit))
        )

    def _settle_good(self, permit: Permit) -> bool:
        """As `settle_untold` where there is a window: all that is in there has been good, and so is this."""
        now = self.clock()
        if self._disabled or now - permit.started >= self._slow_call_seconds:
            return False
        with self._lock:
            window = self._window
            if window is None or window.failed or window.slow or permit.epoch != self._closed_epoch:
                return False
            if not permit.claim():
                return False
            window.record(now, failed=False, slow=False)
        return True

    def settle_raised(self, permit: Permit, error: BaseException) -> None:
        """Settle by the exception with which the call ended."""

        def ran_too_long() -> bool:
            return self.clock() - permit.started >= self._hung_after_seconds

        outcome = self._verdict.of(error, self, ran_too_long)
        self._settle(permit, outcome, keepsake(error) if outcome is _FAILURE else None)

    def _settle(self, permit: Permit, outcome: BreakerOutcome, error: BaseException | None) -> None:
        if outcome not in _SETTLES:
            raise ValueError(f"outcome: {outcome} must be success, failure or ignored")
        now = self.clock()
        spread = self._backoff.spread() if outcome is _FAILURE else 1.0
        slow = now - permit.started >= self._slow_call_seconds
        with self._lock:
            epoch = permit.epoch
            if not permit.claim():
                return
            self._trials.end(permit)
            if epoch != self._epoch:
                outcome = _STALE
            elif outcome is not _IGNORED and not self._disabled:
                self._take(now, error, failed=outcome is _FAILURE, slow=slow, spread=spread)
        self._tell(outcome)

    def _take(
        self, now: float, error: BaseException | None, *, failed: bool, slow: bool, spread: float
    ) -> None:
        """Let the outcome of a call of this epoch count."""
        rates, window = self._rates, self._window
        if failed:
            self._failure_count += 1
            self._last_failure = error
        if self._now_in is _HALF_OPEN:
            # A breaker that opens for slow calls must not close because of one.
            if failed or (slow and rates is not None and rates.slow_call_rate is not None):
                self._move_to(_OPEN, now, spread)
                return
            self._trial_successes += 1
            if self._trial_successes >= self._success_threshold:
                self._move_to(_CLOSED, now)
            return
        if not failed:
            self._failure_count = 0
            self._last_failure = None
        if rates is not None and window is not None:
            window.record(now, failed=failed, slow=slow)
            if rates.reached(window):
                self._move_to(_OPEN, now, spread)
                return
        if self._failure_count >= self._failure_threshold:
            self._move_to(_OPEN, now, spread)

    def _move_to(self, state: BreakerState, now: float, spread: float = 1.0) -> None:
        left = self._now_in
        if left is state:
            return
        self._closed_epoch = None
        self._epoch += 1
        self._trials.forget()
        self._trial_successes = 0
        if state is _OPEN:
            if left is _HALF_OPEN:
                self._timeout_seconds = self._backoff.after(self._timeout_seconds, self._recovery_timeout)
            self._reopens_at = now + self._timeout_seconds * spread
        elif state is _CLOSED:
            self._forget()
        self._now_in = state
        if self._untold is not None:
            self._untold.append((left, state))
        if state is _CLOSED:
            self._closed_epoch = self._epoch

    def _forget(self) -> None:
        self._failure_count = 0
        self._last_failure = None
        self._timeout_seconds = self._recovery_timeout
        if self._rates is not None:
            self._window = self._rates.window()

    def _tell(self, outcome: BreakerOutcome | None) -> None:
        if self._on_outcome is None or self._untold is None:
            return
        if outcome is not None:
            try:
                self._on_outcome(outcome)
            except Exception:
                log.exception("breaker.listener_failed breaker=%s", self)
        self._untold.tell(self)


_forks: Final = ForkGuard()
