from __future__ import annotations

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families


def from_text(text: str) -> list[Metric]:
    """The families of a `/metrics` answer in the text format.

    Raises:
        ValueError: it is not in that format.
    """
    return list(text_string_to_metric_families(text))
