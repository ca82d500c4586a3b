"""The guard round one external service: what a pipeline calls instead of calling the service itself."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import permutations
from typing import Final, TypeVar

from pipeline import metrics
from pipeline.breaker import Breaker, BreakerOpenError
from pipeline.context import charge_job, current_layer
from pipeline.meter import Meter
from pipeline.metrics import DEPENDENCY_NAME, BreakerOutcome, BreakerState, CallOutcome, PriceSource
from pipeline.prices import CEILING_USD_PER_CALL, Charge
from pipeline.series import Counter, Histogram

log = logging.getLogger(__name__)

T = TypeVar("T")

_MAX_MODEL_NAME_CHARS: Final = 100


class Dependency:
    """One external service, by the name that joins its metrics, breaker, probe and panel.

    Every call passes the gates in order: breaker, timeout. Then it is settled and counted under the
    layer that is running.
    """

    def __init__(
        self,
        name: str,
        *,
        meter: Meter,
        call_timeout_seconds: float = 60.0,
        failure_threshold: int = 5,
        recovery_timeout_seconds: float = 30.0,
        success_threshold: int = 2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Every series of this dependency's breaker exists from now on.

        Raises:
            ValueError: a name that is no label value, or a bad threshold or duration.
        """
        if not DEPENDENCY_NAME.fullmatch(name):
            raise ValueError(f"dependency name {name!r} must match {DEPENDENCY_NAME.pattern}")
        if not (call_timeout_seconds > 0 and math.isfinite(call_timeout_seconds)):
            raise ValueError(f"call_timeout_seconds: {call_timeout_seconds} must be more than 0 and finite")
        self.name = name
        self.call_timeout_seconds = call_timeout_seconds
        self.breaker = Breaker(
            failure_threshold,
            recovery_timeout_seconds,
            name=name,
            success_threshold=success_threshold,
            call_timeout_seconds=call_timeout_seconds,
            listener=_BreakerSeries(name, meter),
            clock=clock,
        )
        self._meter = meter
        self._clock = clock
        self._models = _ModelNames()
        self._layers: dict[str, _CallSeries] = {}
        self.declare(metrics.NO_LAYER)

    def declare(self, layer: str) -> None:
        """Make this layer's series of calls exist, with 0, before the first call."""
        if layer not in self._layers:
            self._layers[layer] = _CallSeries.of(self._meter, layer, self.name)

    async def call(
        self, function: Callable[[], Awaitable[T]], *, price: Callable[[T], Charge] | None = None
    ) -> T:
        """Make one guarded call: `function` sends it, `price` says what the answer cost.

        Raises:
            BreakerOpenError: refused; nothing was sent.
            TimeoutError: no answer within `call_timeout_seconds`.
            Exception: whatever `function` raises.
        """
        series = self._series(current_layer())
        try:
            permit = self.breaker.admit()
        except BreakerOpenError:
            series.outcomes[CallOutcome.REJECTED_BREAKER].inc()
            raise
        started = self._clock()
        try:
            async with asyncio.timeout(self.call_timeout_seconds):
                answer = await function()
        except BaseException as error:
            self.breaker.settle_raised(permit, error)
            series.observe(_outcome_of(error), self._clock() - started)
            raise
        self.breaker.settle(permit, BreakerOutcome.SUCCESS)
        series.observe(CallOutcome.SUCCESS, self._clock() - started)
        if price is not None:
            self._settle_cost(price, answer)
        return answer

    def _series(self, layer: str) -> _CallSeries:
        self.declare(layer)
        return self._layers[layer]

    def _settle_cost(self, price: Callable[[T], Charge], answer: T) -> None:
        try:
            charge = price(answer)
        except Exception:
            # The answer is paid for and good; a price that can't be found must not lose it.
            log.exception("price.failed dependency=%s", self.name)
            charge = Charge(CEILING_USD_PER_CALL, PriceSource.CEILING, metrics.OTHER_MODEL)
        layer = current_layer()
        model = self._models.label(charge.model)
        self._meter.counter(metrics.PIPELINE_COST, layer, self.name, model).inc(charge.usd)
        for token_type, count in charge.tokens.items():
            self._meter.counter(metrics.PIPELINE_TOKENS, layer, self.name, model, token_type.value).inc(count)
        self._meter.counter(metrics.PIPELINE_PRICED_CALLS, self.name, charge.source.value).inc()
        charge_job(charge.usd)


class _ModelNames:
    """At most 24 model names become labels; what comes later is `other`."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def label(self, model: str) -> str:
        if model not in self._known:
            if not model or len(model) > _MAX_MODEL_NAME_CHARS or len(self._known) >= metrics.MAX_MODEL_NAMES:
                return metrics.OTHER_MODEL
            self._known.add(model)
        return model


@dataclass(frozen=True, slots=True)
class _CallSeries:
    """The series of one layer and dependency, looked up once."""

    outcomes: dict[CallOutcome, Counter]
    duration: Histogram

    @classmethod
    def of(cls, meter: Meter, layer: str, dependency: str) -> _CallSeries:
        return cls(
            {
                outcome: meter.counter(metrics.PIPELINE_CALLS, layer, dependency, outcome.value)
                for outcome in CallOutcome
            },
            meter.histogram(metrics.PIPELINE_CALL_DURATION, layer, dependency),
        )

    def observe(self, outcome: CallOutcome, duration_seconds: float) -> None:
        self.outcomes[outcome].inc()
        self.duration.observe(duration_seconds)


class _BreakerSeries:
    """A breaker's listener that counts."""

    def __init__(self, dependency: str, meter: Meter) -> None:
        self._outcomes = {
            outcome: meter.counter(metrics.CIRCUIT_BREAKER_CALLS, dependency, outcome.value)
            for outcome in BreakerOutcome
        }
        self._states = {
            state: meter.gauge(metrics.CIRCUIT_BREAKER_STATE, dependency, state.value)
            for state in BreakerState
        }
        self._states[BreakerState.CLOSED].set(1)
        self._transitions = {
            transition: meter.counter(
                metrics.CIRCUIT_BREAKER_TRANSITIONS, dependency, *(state.value for state in transition)
            )
            for transition in permutations(BreakerState, 2)
        }

    def on_outcome(self, outcome: BreakerOutcome) -> None:
        self._outcomes[outcome].inc()

    def on_transition(self, from_state: BreakerState, to_state: BreakerState) -> None:
        self._states[from_state].set(0)
        self._states[to_state].set(1)
        self._transitions[from_state, to_state].inc()


def _outcome_of(error: BaseException) -> CallOutcome:
    if isinstance(error, TimeoutError):
        return CallOutcome.TIMEOUT
    if isinstance(error, asyncio.CancelledError):
        return CallOutcome.CANCELLED
    return CallOutcome.ERROR
