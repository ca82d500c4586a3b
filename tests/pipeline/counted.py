"""A dependency and what it counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry

from pipeline import Dependency, Meter
from tests.clock import Clock


class Counted:
    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.meter = Meter()
        self.dependency = Dependency("openrouter", meter=self.meter, clock=self.clock, **options)
        self._registry = CollectorRegistry()
        self._registry.register(self.meter)

    def value(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(name, {"dependency": "openrouter", **labels})

    def calls(self, layer: str = "none") -> Mapping[str, float]:
        """Calls by outcome, those there were."""
        return self._counts("pipeline_calls_total", "outcome", layer=layer)

    def judged(self) -> Mapping[str, float]:
        """The breaker's judgements."""
        return self._counts("circuit_breaker_calls_total", "outcome")

    def fallbacks(self, layer: str = "none") -> Mapping[str, float]:
        return self._counts("pipeline_fallbacks_total", "kind", layer=layer)

    def _counts(self, name: str, label: str, **labels: str) -> Mapping[str, float]:
        return {
            sample.labels[label]: sample.value
            for family in self._registry.collect()
            for sample in family.samples
            if sample.name == name and sample.value and labels.items() <= sample.labels.items()
        }
