"""The picture of a dashboard: from its JSON and from answers, without a Prometheus."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from dashboards.drawing.answers import BAR_SECONDS, Series, filled, step_of
from dashboards.drawing.formats import written
from dashboards.drawing.svg import drawing
from dashboards.generate import GENERATED

BOARD = json.loads((GENERATED / "pipeline-overview.json").read_text())
ID = {panel["title"]: panel["id"] for panel in BOARD["panels"]}
NS = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{NS}text")]  # noqa: S314


def series(name: str, *values: float, letter: str = "A", **labels: str) -> Series:
    return Series(letter, name, labels, [(60.0 * number, value) for number, value in enumerate(values)])


def test_a_panel_without_data_says_what_that_means() -> None:
    told = texts(drawing(BOARD, {}))
    assert {"Pipeline: overview", "Cost today", "nothing fires", "no budget is set"} <= {*told}


def test_values_are_written_with_unit_mapping_and_name() -> None:
    data = {
        ID["Cost today"]: [series("", 12.3456)],
        ID["Status of every dependency"]: [series("mongodb", 2), series("pdf_service", 4)],
    }
    assert {"$12.35", "mongodb", "up", "pdf_service", "down"} <= {*texts(drawing(BOARD, data))}


def test_a_line_of_a_table_is_one_combination_of_labels() -> None:
    alert = series("", 1, alertname="ProbeDown", severity="warning", dependency="pdf_service")
    told = texts(drawing(BOARD, {ID["What is wrong now"]: [alert]}))
    assert told.index("Severity") < told.index("Alert") < told.index("Firing")
    assert {"ProbeDown", "warning", "pdf_service", "1"} <= {*told}


def test_equal_values_are_one_stretch_of_time() -> None:
    data = {ID["Dependencies"]: [series("mongodb", 2, 2, 2, 4, 4, 2)]}
    titles = ET.fromstring(drawing(BOARD, data)).iter(f"{NS}title")  # noqa: S314
    assert [title.text for title in titles][1:] == ["up", "down", "up"]


def test_what_data_says_cannot_become_markup() -> None:
    data = {ID["Status of every dependency"]: [series("<script>", 2), series("b", 2)]}
    assert "<script>" not in drawing(BOARD, data)


def test_variables_are_filled_as_grafana_fills_them() -> None:
    assert filled('rate(a{b=~"$layer"}[$__rate_interval])', 60, 5) == 'rate(a{b=~".*"}[20s])'
    assert filled("rate(a[$__rate_interval]) * $__interval_ms / 1000 + increase(a[$__range])", 120, 60) == (
        "rate(a[65s]) * 60000 / 1000 + increase(a[120s])"
    )
    assert step_of({"interval": "1m"}, 120) == BAR_SECONDS
    assert step_of({}, 1200) == 10


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.002, "s", "2 ms"),
        (7200, "s", "2 hour"),
        (0.0205, "currencyUSD", "$0.0205"),
        (0.5, "percentunit", "50%"),
        (2048, "bytes", "2 KiB"),
        (3, "short", "3"),
    ],
)
def test_units(value: float, unit: str, text: str) -> None:
    assert written(value, unit) == text
