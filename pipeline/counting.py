"""The series that a guard counts in, each looked up once."""

from __future__ import annotations

from itertools import permutations
from typing import Final

from pipeline import metrics
from pipeline.meter import Meter
from pipeline.metrics import (
    BreakerOutcome,
    BreakerState,
    CallOutcome,
    FallbackKind,
    PriceSource,
    TokenType,
)
from pipeline.prices import Charge
from pipeline.series import CallSeries, Value

_MAX_MODEL_NAME_CHARS: Final = 100
_SUCCESS: Final = BreakerOutcome.SUCCESS


class LayerSeries:
    """The series of one layer's calls to one dependency."""

    __slots__ = ("_by_model", "_layer", "_meter", "dependency", "fallbacks", "refused", "sent", "succeeded")

    def __init__(self, meter: Meter, layer: str, dependency: str) -> None:
        """They exist, with 0, from now on; those with a model's name from its first answer on."""
        self._meter = meter
        self._layer = layer
        self.dependency = dependency
        self._by_model: dict[str, _ModelSeries] = {}
        self.refused = {
            outcome: meter.counter(metrics.PIPELINE_CALLS, layer, dependency, outcome.value)
            for outcome in CallOutcome
        }
        duration = meter.histogram(metrics.PIPELINE_CALL_DURATION, layer, dependency)
        self.sent = {outcome: CallSeries(counter, duration) for outcome, counter in self.refused.items()}
        # The usual one has a name: to hash an enum's member costs as much as to count.
        self.succeeded = self.sent[CallOutcome.SUCCESS]
        self.fallbacks = {
            kind: meter.counter(metrics.PIPELINE_FALLBACKS, layer, dependency, kind.value)
            for kind in FallbackKind
        }

    def of_charge(self, charge: Charge, model: str) -> list[tuple[Value, float]]:
        """What a charge adds to which totals. `model` is the charge's, as a label."""
        series = self._by_model.get(model)
        if series is None:
            series = self._by_model[model] = _ModelSeries(self._meter, self._layer, self.dependency, model)
        added = [(series.cost, charge.usd)]
        for token_type, count in charge.tokens.items():
            if count:
                added.append((series.tokens[token_type], count))
        return added


class _ModelSeries:
    __slots__ = ("cost", "tokens")

    def __init__(self, meter: Meter, layer: str, dependency: str, model: str) -> None:
        self.cost = meter.counter(metrics.PIPELINE_COST, layer, dependency, model).total
        self.tokens = {
            token_type: meter.counter(
                metrics.PIPELINE_TOKENS, layer, dependency, model, token_type.value
            ).total
            for token_type in TokenType
        }


class PriceSeries:
    """Where a dependency's prices came from. They exist from the first price on, or by `declare`."""

    def __init__(self, meter: Meter, dependency: str) -> None:
        self._meter = meter
        self._dependency = dependency
        self._sources: dict[PriceSource, Value] = {}
        self._compared: tuple[Value, ...] = ()

    def declare(self) -> None:
        for source in PriceSource:
            self._sources[source] = self._meter.counter(
                metrics.PIPELINE_PRICED_CALLS, self._dependency, source.value
            ).total
        self._compared = tuple(
            self._meter.counter(definition, self._dependency).total
            for definition in (metrics.PIPELINE_COMPARED_REPORTED, metrics.PIPELINE_COMPARED_TABLE)
        )

    def of_charge(self, charge: Charge) -> list[tuple[Value, float]]:
        """As that of `LayerSeries`."""
        if not self._sources:
            self.declare()
        added = [(self._sources[charge.source], 1.0)]
        if charge.source is PriceSource.REPORTED and charge.table_usd is not None:
            reported, table = self._compared
            added += ((reported, charge.usd), (table, charge.table_usd))
        return added


class ModelNames:
    """Of one dependency in one worker: at most 24 names become labels; what comes later is `other`."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def label(self, model: str) -> str:
        if model not in self._known:
            is_name = model.isprintable() and 0 < len(model) <= _MAX_MODEL_NAME_CHARS
            if not is_name or len(self._known) >= metrics.MAX_MODEL_NAMES:
                return metrics.OTHER_MODEL
            self._known.add(model)
        return model


class BreakerSeries:
    """A breaker's listener that counts."""

    def __init__(self, meter: Meter, dependency: str) -> None:
        self._outcomes = {
            outcome: meter.counter(metrics.CIRCUIT_BREAKER_CALLS, dependency, outcome.value)
            for outcome in BreakerOutcome
        }
        self._succeeded = self._outcomes[_SUCCESS]
        # Of those whose call is counted at the same moment; see `CallSeries.count`.
        self.successes = self._succeeded.total
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
        if outcome is _SUCCESS:
            self._succeeded.tick()
        else:
            self._outcomes[outcome].inc()

    def on_transition(self, from_state: BreakerState, to_state: BreakerState) -> None:
        self._states[from_state].set(0)
        self._states[to_state].set(1)
        self._transitions[from_state, to_state].inc()
