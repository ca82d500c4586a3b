"""Our families are those of prometheus_client's own collector, for whatever its workers may write."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Metric, Summary
from prometheus_client import generate_latest as generate_latest_text
from prometheus_client.mmap_dict import mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.openmetrics.exposition import generate_latest as generate_latest_openmetrics
from prometheus_client.registry import Collector

from sidecar.exposition import OPENMETRICS, TEXT, Format, Renderer
from sidecar.spool.reader import SpoolReader
from tests.e2e.spool.writers import Written, mapped, spools

Content = dict[tuple[str, str, str], dict[tuple[str, frozenset[tuple[str, str]]], float]]
STOCK: dict[Format, Callable[[Any], bytes]] = {
    TEXT: generate_latest_text,
    OPENMETRICS: generate_latest_openmetrics,
}


class Fixed(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self.families = families

    def collect(self) -> Iterable[Metric]:
        return self.families


def content(families: Iterable[Metric]) -> Content:
    return {
        (family.name, family.type, family.documentation): {
            (sample.name, frozenset(sample.labels.items())): sample.value for sample in family.samples
        }
        for family in families
        if family.samples
    }


def is_same(ours: float, stock: float) -> bool:
    """Ours is the exact sum, stock's has the rounding errors of adding up one by one."""
    return (math.isnan(ours) and math.isnan(stock)) or math.isclose(ours, stock, rel_tol=1e-9, abs_tol=1e-8)


def check(spool: Path) -> None:
    stock = content(MultiProcessCollector(None, str(spool)).collect())  # type: ignore[no-untyped-call]
    reading = SpoolReader(spool).read()
    ours = content(reading.families)
    assert reading.bad == ()
    assert ours.keys() == stock.keys()
    for family, series in ours.items():
        assert series.keys() == stock[family].keys()
        wrong = {one for one, value in series.items() if not is_same(value, stock[family][one])}
        assert not wrong, (family, wrong)


@settings(max_examples=400)
@given(spools())
def test_families_types_labels_help_and_values_are_those_of_the_stock_collector(written: Written) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written.write(Path(folder))
        check(Path(folder))


@settings(max_examples=150)
@given(spools(), spools())
def test_a_reader_that_saw_the_files_grow_says_what_a_new_one_says(before: Written, after: Written) -> None:
    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder)
        reader = SpoolReader(spool)
        for written in (before, after, before):
            written.write(spool)
            grown, new = reader.read(), SpoolReader(spool).read()
            assert grown.bad == new.bad
            assert repr(content(grown.families)) == repr(content(new.families))


@pytest.mark.parametrize("form", [TEXT, OPENMETRICS])
@settings(max_examples=150)
@given(written=spools())
def test_the_bytes_are_those_of_generate_latest(form: Format, written: Written) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written.write(Path(folder))
        reader, renderer = SpoolReader(Path(folder)), Renderer()
        for _ in range(2):
            families = reader.read().families
            assert renderer.render(families, form) == STOCK[form](Fixed(families))


@pytest.mark.parametrize("form", [TEXT, OPENMETRICS])
def test_families_of_a_registry_are_written_as_generate_latest_writes_them(form: Format) -> None:
    registry = CollectorRegistry()
    Counter("runs", 'Runs "done"\\\n.', ["of"], registry=registry).labels('a"\\\n').inc(1e21, {"trace": "7"})
    Gauge("temperature", "°C", ["größe", "a.b"], registry=registry).labels("x", "%s").set(-1e7)
    Histogram("seconds", "", registry=registry).observe(float("inf"))
    Summary("size", "Size.", registry=registry).observe(12345678)
    Info("build", "Build.", registry=registry).info({"version": "1"})
    Enum("mood", "Mood.", states=["good", "bad"], registry=registry)
    Gauge("length_metres", "Length.", unit="metres", registry=registry)
    renderer = Renderer()
    for _ in range(2):
        assert renderer.render(registry.collect(), form) == STOCK[form](registry)


def test_a_gauge_that_was_never_set_is_there_where_stock_loses_it(tmp_path: Path) -> None:
    file = mapped(tmp_path / "gauge_mostrecent_1.db")
    file.read_value(mmap_key("limit", "limit", [], [], "Limit."))
    file.close()
    assert content(MultiProcessCollector(None, str(tmp_path)).collect()) == {}  # type: ignore[no-untyped-call]
    assert content(SpoolReader(tmp_path).read().families) == {
        ("limit", "gauge", "Limit."): {("limit", frozenset()): 0.0}
    }


def test_a_merged_set_of_workers_is_the_same_whatever_order_they_are_listed_in(tmp_path: Path) -> None:
    for worker in range(50):
        file = mapped(tmp_path / f"counter_{worker}.db")
        file.write_value(mmap_key("cost", "cost_total", [], [], "Cost."), 0.1 * 3.0**worker % 7, 0.0)
        file.close()
    first = content(SpoolReader(tmp_path).read().families)
    moved = tmp_path / "moved"
    moved.mkdir()
    for path in sorted(tmp_path.glob("*.db"), reverse=True):
        shutil.copy(path, moved)
    assert content(SpoolReader(moved).read().families) == first
