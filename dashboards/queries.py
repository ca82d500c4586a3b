"""PromQL built from metric definitions: a metric, label or value that does not exist fails at import."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipeline.definitions import CounterDefinition, Definition, HistogramDefinition, format_bound

SIDECAR_JOB: Final = "sidecar"
"""The `job` that every Prometheus configuration here gives to the scrape of a sidecar."""

STEP_WINDOW: Final = "$__rate_interval"
"""Grafana's own: four scrapes, or the step of the graph if that is longer."""
SHOWN_RANGE: Final = "$__range"

KNOWN_FOR: Final = "6h"
"""For so long a rule remembers what there was, to tell that it is gone."""

_TARGET_LABELS: Final = ("job", "instance")


@dataclass(frozen=True, slots=True)
class Match:
    """How a label is compared, where that is not equality: `=~`, `!=`, `!~`."""

    operator: str
    value: str


def one_of(*values: str) -> Match:
    return Match("=~", "|".join(values))


def variable(name: str) -> Match:
    """What is chosen in a dashboard's variable: one value, several, or all."""
    return Match("=~", f"${name}")


class Suffix(StrEnum):
    """The three kinds of series of a histogram."""

    BUCKET = "_bucket"
    COUNT = "_count"
    SUM = "_sum"


class ScrapeSeries(StrEnum):
    """What Prometheus adds to each target of its own accord."""

    UP = "up"
    DURATION = "scrape_duration_seconds"
    SAMPLES = "scrape_samples_scraped"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which series are meant: a query is filtered by every variable that is a label of its metric.

    Rules have no variables: they look at every sidecar and dependency.
    """

    variables: tuple[str, ...] = ()

    def series(
        self, definition: Definition, suffix: Suffix | None = None, **labels: str | StrEnum | Match
    ) -> str:
        """A selector, `name{label="value"}`.

        Raises:
            ValueError: the metric has no such label, or the label never has such a value.
        """
        if isinstance(definition, HistogramDefinition) is (suffix is None):
            raise ValueError(f"{definition.name}: a histogram is named with a suffix, nothing else is")
        found: dict[str, Match] = {
            name: variable(name)
            for name in self.variables
            if name in (*_TARGET_LABELS, *definition.label_names)
        }
        for name, value in labels.items():
            match = value if isinstance(value, Match) else Match("=", str(value))
            _check(definition, suffix, name, match)
            found[name] = match
        return f"{definition.name}{suffix or ''}{_braces(found.items())}"

    def rate(
        self,
        definition: CounterDefinition | HistogramDefinition,
        window: str = STEP_WINDOW,
        *,
        suffix: Suffix | None = None,
        **labels: str | StrEnum | Match,
    ) -> str:
        """Growth in a second; without a suffix, of a histogram's count."""
        return f"rate({self.series(definition, _or_count(definition, suffix), **labels)}[{window}])"

    def increase(
        self,
        definition: CounterDefinition | HistogramDefinition,
        window: str = SHOWN_RANGE,
        *,
        suffix: Suffix | None = None,
        **labels: str | StrEnum | Match,
    ) -> str:
        """Growth in the window; without a suffix, of a histogram's count."""
        return f"increase({self.series(definition, _or_count(definition, suffix), **labels)}[{window}])"

    def in_bar(
        self,
        definition: CounterDefinition | HistogramDefinition,
        *by: str,
        **labels: str | StrEnum | Match,
    ) -> str:
        """Growth in the time that one bar stands for.

        The window of the rate is longer than a bar, by a scrape: of windows as long as a bar each would end
        before the next begins, and what happens between the two scrapes there would be in neither.
        """
        return (
            f"{total(self.rate(definition, STEP_WINDOW, suffix=None, **labels), *by)} * $__interval_ms / 1000"
        )

    def quantile(
        self,
        share: float,
        histogram: HistogramDefinition,
        *by: str,
        window: str = STEP_WINDOW,
        **labels: str | StrEnum | Match,
    ) -> str:
        buckets = total(self.rate(histogram, window, suffix=Suffix.BUCKET, **labels), "le", *by)
        return f"histogram_quantile({share:g}, {buckets})"

    def mean(
        self,
        histogram: HistogramDefinition,
        *by: str,
        window: str = STEP_WINDOW,
        **labels: str | StrEnum | Match,
    ) -> str:
        sums = total(self.rate(histogram, window, suffix=Suffix.SUM, **labels), *by)
        return f"{sums} / {total(self.rate(histogram, window, suffix=None, **labels), *by)}"

    def scrape(self, series: ScrapeSeries) -> str:
        """What Prometheus itself stores of each scrape of a sidecar, and of nothing else that it scrapes."""
        chosen = [(name, variable(name)) for name in self.variables if name in _TARGET_LABELS]
        return f"{series}{_braces([('job', Match('=', SIDECAR_JOB)), *chosen])}"


EVERYWHERE: Final = Scope()


def total(expression: str, *by: str) -> str:
    return _aggregate("sum", expression, by)


def highest(expression: str, *by: str) -> str:
    return _aggregate("max", expression, by)


def lowest(expression: str, *by: str) -> str:
    return _aggregate("min", expression, by)


def share(part: str, whole: str) -> str:
    """0 to 1; no result where `whole` is 0, which is no share of anything."""
    return f"{part} / ({whole} > 0)"


def numbered(series: Mapping[int, str], *by: str) -> str:
    """One number for each combination of `by`: the highest key whose series is above 0."""
    parts = " or ".join(f"({one} > bool 0) * {number}" for number, one in series.items())
    return highest(parts, *by)


def or_zero(expression: str) -> str:
    """0 where there is nothing to count."""
    return f"{expression} or vector(0)"


def bucket_bound(histogram: HistogramDefinition, bound: float) -> str:
    """The `le` of one of the histogram's buckets.

    Raises:
        ValueError: the histogram has no such bucket.
    """
    if bound not in histogram.buckets:
        raise ValueError(f"{histogram.name} has no bucket {bound:g}; it has {histogram.buckets}")
    return format_bound(bound)


def _aggregate(operator: str, expression: str, by: tuple[str, ...]) -> str:
    return f"{operator} by ({', '.join(by)}) ({expression})" if by else f"{operator}({expression})"


def _or_count(definition: Definition, suffix: Suffix | None) -> Suffix | None:
    return Suffix.COUNT if suffix is None and isinstance(definition, HistogramDefinition) else suffix


def _check(definition: Definition, suffix: Suffix | None, name: str, match: Match) -> None:
    if name in _TARGET_LABELS or (name == "le" and suffix is Suffix.BUCKET):
        return
    label = next((label for label in definition.labels if label.name == name), None)
    if label is None:
        raise ValueError(
            f"{definition.name} has no label {name!r}; it has {', '.join(definition.label_names) or 'none'}"
        )
    if label.values is None or match.value.startswith("$"):
        return
    wrong = set(match.value.split("|") if "~" in match.operator else [match.value]) - set(label.values)
    if wrong:
        raise ValueError(f"{definition.name}: {name} is never {', '.join(sorted(wrong))}")


def _braces(matches: Iterable[tuple[str, Match]]) -> str:
    inner = ", ".join(f'{name}{match.operator}"{match.value}"' for name, match in matches)
    return f"{{{inner}}}" if inner else ""
