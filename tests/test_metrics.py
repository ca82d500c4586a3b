"""Rules over the catalogue, and the page that is generated from it."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

import pipeline.metrics
import sidecar.metrics
from pipeline.definitions import (
    CounterDefinition,
    Definition,
    GaugeDefinition,
    HistogramDefinition,
)
from sidecar.metrics_page import METRICS_PAGE, metrics_page

ALL = (*pipeline.metrics.METRICS, *sidecar.metrics.METRICS)
BASE_UNITS = ("_seconds", "_usd", "_ratio", "_total", "_info", "_bytes")


def test_metrics_page_is_fresh() -> None:
    assert METRICS_PAGE.read_text() == metrics_page(), "run make generate"


def test_every_metric_is_on_the_page() -> None:
    page = metrics_page()
    assert [definition.name for definition in ALL if f"`{definition.name}`" not in page] == []


def test_names_are_unique() -> None:
    names = [definition.name for definition in ALL]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("definition", ALL, ids=lambda definition: definition.name)
def test_every_definition_binds_and_follows_prometheus_conventions(definition: Definition) -> None:
    registry = CollectorRegistry()
    definition.bind(registry)
    assert definition.help.endswith(".")
    if isinstance(definition, HistogramDefinition):
        assert definition.name.endswith(BASE_UNITS)
    assert not {"job", "instance"} & set(definition.label_names), "Prometheus' own labels"


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (CounterDefinition, {"name": "calls"}, "must end in _total"),
        (GaugeDefinition, {"name": "Bad-Name"}, "does not match"),
        (HistogramDefinition, {"name": "h_seconds"}, "must be given"),
        (HistogramDefinition, {"name": "h_seconds", "buckets": (2.0, 1.0)}, "rising"),
        (HistogramDefinition, {"name": "h_seconds", "buckets": (1.0, float("inf"))}, "finite"),
    ],
)
def test_a_wrong_definition_fails_where_it_is_written(
    kind: type[Definition], arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(help="Help.", **arguments)  # type: ignore[arg-type]
