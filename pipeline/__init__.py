"""Guarded calls, their cost and duration: the part of the sidecar that runs inside your workers.

Importing it loads the standard library, circuitbreaker and prometheus_client, nothing else.
"""

from pipeline.breaker import Backoff, Breaker, BreakerOpenError, Rates
from pipeline.context import running_job, running_layer
from pipeline.dependency import Dependency
from pipeline.fallbacks import (
    UNKNOWN,
    Answer,
    CachedResponses,
    Fallback,
    Unavailable,
    error_as,
    error_value,
    first_of,
    placeholder,
    synthetic,
)
from pipeline.gates import Call, Gate, Pass, WaitingGate
from pipeline.meter import Meter
from pipeline.metrics import PriceSource
from pipeline.prices import Charge
from pipeline.rejections import BudgetExceededError, RateLimitedError, RejectedError
from pipeline.retries import Retries
from pipeline.spool import SpoolError

__all__ = [
    "UNKNOWN",
    "Answer",
    "Backoff",
    "Breaker",
    "BreakerOpenError",
    "BudgetExceededError",
    "CachedResponses",
    "Call",
    "Charge",
    "Dependency",
    "Fallback",
    "Gate",
    "Meter",
    "Pass",
    "PriceSource",
    "RateLimitedError",
    "Rates",
    "RejectedError",
    "Retries",
    "SpoolError",
    "Unavailable",
    "WaitingGate",
    "error_as",
    "error_value",
    "first_of",
    "placeholder",
    "running_job",
    "running_layer",
    "synthetic",
]
