"""Retries with exponential backoff and jitter, by stamina; imported at the first call that may need one."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pipeline.failures import ErrorTest, is_worth_a_retry, retry_after_seconds

if TYPE_CHECKING:
    from types import ModuleType

    from stamina.instrumentation import RetryDetails

T = TypeVar("T")

log = logging.getLogger(__name__)

_retried: ContextVar[str] = ContextVar("retried_dependency", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often, and for how long, a failed call is tried again. Each attempt passes every gate anew.

    The wait before attempt n + 1 is `first_wait_seconds` × 2ⁿ⁻¹, plus up to `jitter_seconds`, at most
    `max_wait_seconds`; or what the provider asks for in `Retry-After`. Where it asks for more than
    `max_retry_after_seconds`, or the wait would end past `max_total_seconds`, the error goes on at once.
    """

    attempts: int = 3
    max_total_seconds: float = 60.0
    first_wait_seconds: float = 0.5
    max_wait_seconds: float = 8.0
    jitter_seconds: float = 0.5
    max_retry_after_seconds: float = 30.0
    on: ErrorTest = is_worth_a_retry
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        if self.attempts < 2:
            raise ValueError(f"attempts: {self.attempts} must be at least 2: the first is the call itself")
        for key in ("max_total_seconds", "first_wait_seconds", "max_wait_seconds"):
            seconds = getattr(self, key)
            if not (seconds > 0 and math.isfinite(seconds)):
                raise ValueError(f"{key}: {seconds} must be more than 0 and finite")
        for key in ("jitter_seconds", "max_retry_after_seconds"):
            if not getattr(self, key) >= 0:
                raise ValueError(f"{key}: {getattr(self, key)} must be 0 or more")

    async def call(self, attempt: Callable[[], Awaitable[T]], *, dependency: str = "") -> T:
        """Run `attempt` until it returns or no retry is left; `dependency` is whose call it is, for the log.

        Raises:
            ModuleNotFoundError: stamina is missing; the message says how to install it.
            Exception: the last attempt's.
        """
        stamina, began = _stamina(), self.clock()
        # Set up only after a failure: it costs seven times what a guarded call does.
        try:
            return await attempt()
        except Exception as error:  # noqa: BLE001  (it is raised again, where the hook sees it)
            failed: Exception | None = error
        async for turn in stamina.retry_context(self._hook(began, dependency), **self._options()):
            with turn:
                if failed is not None:
                    first, failed = failed, None
                    raise first
                return await attempt()
        raise AssertionError("stamina gave no turn")

    def call_sync(self, attempt: Callable[[], T], *, dependency: str = "") -> T:
        """As `call`, in a thread."""
        stamina, began = _stamina(), self.clock()
        try:
            return attempt()
        except Exception as error:  # noqa: BLE001  (as in `call`)
            failed: Exception | None = error
        for turn in stamina.retry_context(self._hook(began, dependency), **self._options()):
            with turn:
                if failed is not None:
                    first, failed = failed, None
                    raise first
                return attempt()
        raise AssertionError("stamina gave no turn")

    def _options(self) -> dict[str, float]:
        return {
            "attempts": self.attempts,
            "timeout": self.max_total_seconds,
            "wait_initial": self.first_wait_seconds,
            "wait_max": self.max_wait_seconds,
            "wait_jitter": self.jitter_seconds,
        }

    def _is_worth_it(self, error: Exception, dependency: str) -> bool:
        try:
            return self.on(error)
        except Exception:
            # The caller is to see what went wrong at the provider.
            log.exception("retries.test_failed dependency=%s", dependency)
            return False

    def _hook(self, began: float, dependency: str) -> Callable[[Exception], bool | float]:
        """Decides after each failure of what `began` then: no, yes, or yes after so many seconds."""
        last_start = began + self.max_total_seconds
        failures = 0

        def decide(error: Exception) -> bool | float:
            nonlocal failures
            failures += 1
            _retried.set(dependency)  # each time: within the attempt it may have been another
            if not self._is_worth_it(error, dependency):
                return False
            asked = retry_after_seconds(error)
            if asked is None:
                backoff = self.first_wait_seconds * 2 ** (failures - 1) + self.jitter_seconds
                return bool(self.clock() + min(self.max_wait_seconds, backoff) <= last_start)
            if asked > self.max_retry_after_seconds or self.clock() + asked > last_start:
                return False
            # 0 would be read as "no"; the provider wants us back at once.
            return max(asked, 0.001)

        return decide


def log_retries_as_ours() -> None:
    """One event for each retry in this process, in the place of stamina's own; nothing where that is missing.

    Stamina's show the arguments and the error as Python writes it, which may hold anything.
    """
    try:
        stamina = _stamina()
    except ModuleNotFoundError:
        return
    stamina.instrumentation.set_on_retry_hooks([_log_retry])


def _log_retry(details: RetryDetails) -> None:
    from pipeline.providers.error import ProviderError

    error = details.caused_by
    log.warning(
        "call.retried dependency=%s attempt=%d wait_seconds=%.2f reason=%s",
        _retried.get(),
        details.retry_num + 1,
        details.wait_for,
        error.reason if isinstance(error, ProviderError) else type(error).__name__,
    )


def _stamina() -> ModuleType:
    try:
        import stamina
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "retries need stamina; run pip install 'pipeline-sidecar[retries]'", name=error.name
        ) from None
    return stamina
