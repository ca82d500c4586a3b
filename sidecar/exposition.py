"""A snapshot of the registry to Prometheus' text format, version 0.0.4, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class _Snapshot(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def to_text(families: Sequence[Metric]) -> bytes:
    return generate_latest(_Snapshot(families))


def from_text(text: str) -> list[Metric]:
    """The families of a `/metrics` answer.

    Raises:
        ValueError: it is not in the text format.
    """
    return list(text_string_to_metric_families(text))
