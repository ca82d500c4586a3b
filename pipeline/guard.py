"""All that one call passes, in order, and how it is settled and counted; `Dependency` gives it its faces."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Final, TypedDict, TypeVar

from pipeline import metrics
from pipeline.breaker import Backoff, Breaker, Rates
from pipeline.context import current_account, current_layer
from pipeline.counting import BreakerSeries, LayerSeries, ModelNames, PriceSeries
from pipeline.failures import ErrorTest, is_timeout
from pipeline.gates import BreakerGate, Call, Gate, HeedingGate, WaitingGate
from pipeline.lost import lost, settle_lost
from pipeline.meter import Meter
from pipeline.metrics import DEPENDENCY_NAME, CallOutcome, PriceSource
from pipeline.prices import CEILING_USD_PER_CALL, Charge
from pipeline.rejections import RejectedError
from pipeline.timeouts import TimeoutGate
from pipeline.unanswered import charge_unanswered

log = logging.getLogger(__name__)

T = TypeVar("T")

_SUCCESS: Final = CallOutcome.SUCCESS
_TRIAL_LEASE_SECONDS: Final = 300.0


class Ask(TypedDict, total=False):
    """What a caller may tell the gates of a call; see `Call`."""

    operation: str | None
    max_usd: float | None
    permits: int


class Guard:
    """The gates of one dependency, and the series that its calls are counted in."""

    def __init__(
        self,
        name: str,
        *,
        meter: Meter,
        paid: bool,
        rate_limit: Gate | None,
        budget: Gate | None,
        call_timeout_seconds: float,
        failure_threshold: float,
        recovery_timeout_seconds: float,
        success_threshold: int,
        rates: Rates | None,
        slow_call_seconds: float,
        backoff: Backoff,
        counts_as_failure: ErrorTest,
        clock: Callable[[], float],
    ) -> None:
        """Arguments are those of `Dependency`."""
        if not DEPENDENCY_NAME.fullmatch(name):
            raise ValueError(f"dependency name {name!r} must match {DEPENDENCY_NAME.pattern}")
        if not (call_timeout_seconds > 0 and math.isfinite(call_timeout_seconds)):
            raise ValueError(f"call_timeout_seconds: {call_timeout_seconds} must be more than 0 and finite")
        self.name = name
        counted = BreakerSeries(meter, name)
        self.breaker = Breaker(
            failure_threshold,
            recovery_timeout_seconds,
            lambda _, error: counts_as_failure(error),
            name=name,
            success_threshold=success_threshold,
            rates=rates,
            slow_call_seconds=slow_call_seconds,
            backoff=backoff,
            call_timeout_seconds=call_timeout_seconds,
            # No good answer may come so late that its place was given to another.
            trial_lease_seconds=max(_TRIAL_LEASE_SECONDS, 2 * call_timeout_seconds),
            listener=counted,
            clock=clock,
        )
        timeout = TimeoutGate(call_timeout_seconds, clock)
        breaker = BreakerGate(self.breaker, counts_as_failure, timeout.outer_of, counted.successes)
        in_order = (rate_limit, budget, breaker, timeout)
        self.gates: tuple[Gate, ...] = tuple(gate for gate in in_order if gate is not None)
        # The last two are always there: a loop over them would cost as much as they do.
        self._optional, self._breaker, self._timeout = self.gates[:-2], breaker, timeout
        # Asked once: to look at a protocol takes longer than to pass the gate.
        self._optional_async = tuple(
            gate.enter_async if isinstance(gate, WaitingGate) else None for gate in self._optional
        )
        self._can_wait = any(self._optional_async)
        self._meter = meter
        self._clock = clock
        self._models = ModelNames()
        self._paid = paid
        self.has_budget = budget is not None
        self._heeding = tuple(gate for gate in self._optional if isinstance(gate, HeedingGate))
        self._prices = PriceSeries(meter, name)
        if paid:
            self._prices.declare()
        self._layers: dict[str, LayerSeries] = {}
        self.declare(metrics.NO_LAYER)

    @property
    def call_timeout_seconds(self) -> float:
        return self._timeout.seconds

    def declare(self, layer: str) -> LayerSeries:
        """Make this layer's series of calls and fallbacks exist, with 0, before the first call."""
        series = self._layers.get(layer)
        if series is None:
            series = self._layers[layer] = LayerSeries(self._meter, layer, self.name)
        return series

    def begin(self, *, is_stream: bool = False) -> Call:
        """A call that has not entered yet, of the layer and job that are running."""
        layer = current_layer()
        series = self._layers.get(layer)
        call = Call(layer, self.declare(layer) if series is None else series)
        if is_stream:
            call.is_stream = True
            call.account = current_account()  # who ends a stream may be another task, or none
        return call

    def enter(self, call: Call) -> None:
        """Pass all gates, blocking where one waits.

        Raises:
            RejectedError: refused; what had been passed is released.
        """
        if lost:
            settle_lost()  # what is held for it may be what this call wants
        try:
            if self._optional:
                call.passes = passes = []
                for gate in self._optional:
                    passes.append(gate.enter(call))  # noqa: PERF401  (if one refuses, those before it are known)
            self._breaker.enter(call)
            call.time_limit = self._timeout.enter(call)
        except BaseException as error:
            self._turn_back(call, error)
            raise

    async def enter_async(self, call: Call) -> None:
        """As `enter`, awaiting where a gate waits."""
        call.is_async = True
        if lost:
            settle_lost()
        try:
            call.passes = passes = []
            for gate, enter_async in zip(self._optional, self._optional_async, strict=True):
                passes.append(gate.enter(call) if enter_async is None else await enter_async(call))
            self._breaker.enter(call)
            call.time_limit = self._timeout.enter(call)
        except BaseException as error:
            self._turn_back(call, error)
            raise

    @property
    def heeds_headers(self) -> bool:
        """Whether a gate wants to hear what the provider's headers say."""
        return bool(self._heeding)

    def heed(self, headers: Mapping[str, str]) -> None:
        """Tell the gates what stands over an answer. Never raises: the answer is good, whatever it says."""
        for gate in self._heeding:
            try:
                gate.heed(headers)
            except Exception:
                log.exception("gate.heed_failed dependency=%s", self.name)

    def settle(self, call: Call, error: BaseException | None) -> BaseException | None:
        """Say how a call that entered ended; it is counted once, whoever says it again.

        Returns:
            The error with which it ended as the gates see it: a cancellation may be a timeout.
        """
        time_limit = call.time_limit
        if time_limit is None:
            return call.error
        call.time_limit = None
        ended = call.ended
        call.duration_seconds = seconds = (self._clock() if ended is None else ended) - call.started
        if error is not None:
            call.error = error
            call.outcome = _outcome_of(error)
        time_limit.settle(call)
        self._breaker.settle(call)
        if call.passes:
            self._settle_optional(call)
        outcome = call.outcome
        series = call.series.succeeded if outcome is _SUCCESS else call.series.sent[outcome]
        series.count(seconds, call.counted_along)
        if self._paid and call.error is not None:
            charge_unanswered(call, CEILING_USD_PER_CALL if call.max_usd is None else call.max_usd)
        charge = call.charge
        if charge is not None:
            self._count_charge(call, charge)
        return call.error

    def _settle_optional(self, call: Call) -> None:
        for passed in reversed(call.passes):
            try:
                passed.settle(call)
            except Exception:
                log.exception("gate.settle_failed dependency=%s", self.name)

    def _turn_back(self, call: Call, error: BaseException) -> None:
        self._breaker.release(call)
        for passed in reversed(call.passes):
            try:
                passed.release(call)
            except Exception:
                log.exception("gate.release_failed dependency=%s", self.name)
        call.passes = ()
        outcome = error.outcome if isinstance(error, RejectedError) else _outcome_of(error)
        call.series.refused[outcome].inc()

    def set_price(self, call: Call, price: Callable[[T], Charge | None] | None, answer: T) -> None:
        """Note what the answer cost, before the call is settled."""
        if price is None:
            return
        try:
            # Taken now: the first look into the price table takes a quarter of a second.
            call.ended = self._clock()
            call.charge = _checked(price(answer))
        except Exception:
            # The answer is paid for and good; a price that can't be found must not lose it.
            log.exception("price.failed dependency=%s", self.name)
            call.charge = Charge(CEILING_USD_PER_CALL, PriceSource.CEILING, metrics.OTHER_MODEL)

    def _count_charge(self, call: Call, charge: Charge) -> None:
        added = call.series.of_charge(charge, self._models.label(charge.model))
        self._meter.add_together(added + self._prices.of_charge(charge))
        account = current_account() if call.account is None else call.account
        if account is not None:
            account.spent_usd_by_layer[call.layer] += charge.usd


def _checked(charge: object) -> Charge | None:
    if charge is None or isinstance(charge, Charge):
        return charge
    raise TypeError(f"price gave {type(charge).__name__}, not a Charge")


def _outcome_of(error: BaseException) -> CallOutcome:
    if not isinstance(error, Exception):
        return CallOutcome.CANCELLED
    return CallOutcome.TIMEOUT if is_timeout(error) else CallOutcome.ERROR
