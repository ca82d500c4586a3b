"""The parts of a sample's line: the name with its labels, and the value."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from prometheus_client.openmetrics.exposition import escape_label_name, escape_metric_name
from prometheus_client.utils import floatToGoString

MIN_FINITE, GO_EXPONENT_FROM = -1e308, 1e6
"""Between these Python writes a float as Go does."""


@lru_cache(maxsize=4096)
def escape_name(name: str) -> str:
    """A metric's name with `_` for each character that older Prometheus servers don't take."""
    return escape_metric_name(name)


@lru_cache(maxsize=4096)
def escape_label(name: str) -> str:
    return escape_label_name(name)


def line_start(sample: str, labels: Iterable[tuple[str, str]]) -> str:
    """`name{labels} `, all of a sample's line but the value; labels are given in order of name."""
    shown = ",".join([f'{escape_label(name)}="{_escape(value)}"' for name, value in labels])
    return f"{escape_name(sample)}{{{shown}}} " if shown else f"{escape_name(sample)} "


def go_text(value: float) -> str:
    """A value as Go writes it."""
    if MIN_FINITE < value < GO_EXPONENT_FROM:
        return repr(value)
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
