"""A circuit breaker that subclasses circuitbreaker's and admits by permit.

A call asks for admission and gets a permit; the permit is settled once with an outcome. A permit of
an earlier state (epoch) is stale: it is counted and changes nothing. That is what keeps a late answer
from closing an open breaker, and a cancelled trial from closing a half-open one.

    permit.py     the right to make one call; which calls run inside which
    machine.py    the states: who is admitted, what an outcome changes
    controls.py   the state, and changing it by hand
    verdict.py    an exception → an outcome
    rates.py      failure rate and slow-call rate over a sliding window
    backoff.py    how long it stays open when trials fail again and again
    telling.py    listeners, told after the lock and in order
    generators.py generators of both kinds as calls
    breaker.py    functions, coroutines and blocks as calls: the public face
    registry.py   circuitbreaker's monitor, without holding what nobody else holds
"""

from pipeline.breaker.backoff import Backoff
from pipeline.breaker.breaker import Breaker
from pipeline.breaker.errors import BreakerOpenError
from pipeline.breaker.permit import Permit
from pipeline.breaker.rates import Rates
from pipeline.breaker.telling import BreakerListener

__all__ = ["Backoff", "Breaker", "BreakerListener", "BreakerOpenError", "Permit", "Rates"]
