"""Grafana publishes the types of its JSON as an SDK: read and written by it, nothing of ours may be lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.generate import GENERATED

UNKNOWN_TO_THE_SDK = {
    # What a Prometheus data source adds to an annotation, and what the editor of a variable shows.
    *("titleFormat", "textFormat", "step", "definition"),
}


def lost(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """What is in `before` and is missing or different in `after`; what was empty may be missing."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from lost(value, after[key], f"{where}/{key}")
            elif value not in (None, False, "", [], {}):
                yield f"{where}/{key}"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from lost(one, other, f"{where}/{number}")
    elif before != after:
        yield where


@pytest.mark.parametrize("path", sorted(GENERATED.glob("*.json")), ids=lambda path: path.stem)
def test_grafanas_own_sdk_reads_and_writes_a_dashboard_without_loss(path: Any) -> None:
    register_default_plugins()
    before = json.loads(path.read_text())
    after = json.loads(json.dumps(Dashboard.from_json(before), cls=JSONEncoder))
    found = [one for one in lost(before, after) if one.rpartition("/")[2] not in UNKNOWN_TO_THE_SDK]
    assert found == []


def test_the_comparison_finds_a_loss() -> None:
    assert list(lost({"a": [{"b": 1, "c": 2, "d": []}]}, {"a": [{"b": 2}]})) == ["/a/0/b", "/a/0/c"]
