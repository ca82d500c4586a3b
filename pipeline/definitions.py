"""What a metric is, before any process has one: frozen definitions that bind to a registry on request."""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client.utils import floatToGoString

_METRIC_NAME = re.compile(r"[a-z][a-z0-9_]*")


class GaugeMode(StrEnum):
    """How one gauge of many processes becomes one value; the names are prometheus_client's own.

    A `live…` mode counts only processes that still live.
    """

    LIVE_MAX = "livemax"
    LIVE_SUM = "livesum"
    MAX = "max"
    MOST_RECENT = "mostrecent"


@dataclass(frozen=True, slots=True)
class Label:
    """A label and, where the set is closed in code, every value it can take."""

    name: str
    values: tuple[str, ...] | None = None

    @classmethod
    def of(cls, name: str, enum: type[StrEnum]) -> Label:
        return cls(name, tuple(member.value for member in enum))


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Name, help and labels of one metric. Reading a definition creates nothing."""

    type: ClassVar[str]

    name: str
    help: str
    labels: tuple[Label, ...] = ()

    def __post_init__(self) -> None:
        if not _METRIC_NAME.fullmatch(self.name):
            raise ValueError(f"metric name {self.name!r} does not match {_METRIC_NAME.pattern}")

    @property
    def label_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.labels)

    @property
    def family(self) -> str:
        """The name of the metric's family: for a counter, the name without `_total`."""
        return self.name.removesuffix("_total")

    @abstractmethod
    def bind(self, registry: CollectorRegistry) -> object:
        """Create the live metric in `registry`; a second one of that name there is a ValueError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterDefinition(Definition):
    type: ClassVar[str] = "counter"

    def __post_init__(self) -> None:
        Definition.__post_init__(self)
        if not self.name.endswith("_total"):
            raise ValueError(f"counter {self.name!r} must end in _total")

    def bind(self, registry: CollectorRegistry) -> prometheus_client.Counter:
        return prometheus_client.Counter(self.family, self.help, self.label_names, registry=registry)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeDefinition(Definition):
    type: ClassVar[str] = "gauge"

    mode: GaugeMode = GaugeMode.MOST_RECENT
    kept_in_fork: bool = False
    """A forked child begins with its parent's value: it describes something that the child has too."""

    def bind(self, registry: CollectorRegistry) -> prometheus_client.Gauge:
        return prometheus_client.Gauge(self.name, self.help, self.label_names, registry=registry)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramDefinition(Definition):
    """A histogram with fixed upper bounds, in the unit that its name ends in; `+Inf` is added."""

    type: ClassVar[str] = "histogram"

    buckets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        Definition.__post_init__(self)
        if not self.buckets or list(self.buckets) != sorted(set(self.buckets)):
            raise ValueError(f"buckets of {self.name} must be given, rising and without repeats")
        if not all(map(math.isfinite, self.buckets)):
            raise ValueError(f"buckets of {self.name} must be finite; +Inf is added")

    @property
    def upper_bounds(self) -> tuple[float, ...]:
        return (*self.buckets, math.inf)

    def bind(self, registry: CollectorRegistry) -> prometheus_client.Histogram:
        return prometheus_client.Histogram(
            self.name, self.help, self.label_names, buckets=self.upper_bounds, registry=registry
        )


def format_bound(bound: float) -> str:
    """A bucket's upper bound as the `le` label writes it."""
    return str(floatToGoString(bound))  # type: ignore[no-untyped-call]


def catalogue(module_globals: dict[str, object]) -> tuple[Definition, ...]:
    """Every definition among a module's names, in the order they were written."""
    return tuple(value for value in module_globals.values() if isinstance(value, Definition))
