"""The refusal, and what is kept of a failure."""

from __future__ import annotations

import math

import circuitbreaker

from pipeline.metrics import CallOutcome
from pipeline.rejections import RejectedError

_MAX_REPR_CHARS = 200
_PLAIN = (str, bytes, int, float, bool, type(None))


class BreakerOpenError(circuitbreaker.CircuitBreakerError, RejectedError):  # type: ignore[misc]
    """The breaker refused the call; nothing was sent. Fresh for each refusal, and picklable.

    `retry_after_seconds` is the time until it is worth asking again; infinite while it is forced open.
    `dependency` is the breaker's name.
    """

    outcome = CallOutcome.REJECTED_BREAKER
    retry_after_seconds: float

    def __init__(self, name: str, retry_after_seconds: float) -> None:
        Exception.__init__(self, name, retry_after_seconds)
        self.name = self.dependency = name
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        if math.isinf(self.retry_after_seconds):
            return f"circuit breaker {self.name} is forced open until it is reset"
        return f"circuit breaker {self.name} is open; try again in {self.retry_after_seconds:.1f} s"


def keepsake(error: BaseException) -> BaseException:
    """An exception of the same type that holds on to nothing: what `last_failure` may keep for hours.

    The original's traceback pins the locals of every frame it passed, and so do the tracebacks of its
    cause, its context and of exceptions among its arguments. Plain arguments and attributes are kept,
    others as the start of their `repr`.
    """
    kind = type(error)
    try:
        if isinstance(error, BaseExceptionGroup):
            return kind.__new__(kind, error.message, [keepsake(inner) for inner in error.exceptions])
        copy = kind.__new__(kind, *map(_plain, error.args))
        copy.__dict__.update(
            {key: value for key, value in error.__dict__.items() if isinstance(value, _PLAIN)}
        )
    except Exception:  # noqa: BLE001 # somebody's own __new__ or __repr__: its name will do
        return RuntimeError(kind.__qualname__)
    return copy


def _plain(value: object) -> object:
    return value if isinstance(value, _PLAIN) else repr(value)[:_MAX_REPR_CHARS]
