"""Guarded calls, their cost and duration: the part of the sidecar that runs inside your workers.

Importing it loads the standard library, circuitbreaker and prometheus_client, nothing else.
"""

from pipeline.breaker import Breaker, BreakerOpenError
from pipeline.context import running_job, running_layer
from pipeline.dependency import Dependency
from pipeline.meter import Meter
from pipeline.prices import Charge
from pipeline.spool import SpoolError

__all__ = [
    "Breaker",
    "BreakerOpenError",
    "Charge",
    "Dependency",
    "Meter",
    "SpoolError",
    "running_job",
    "running_layer",
]
