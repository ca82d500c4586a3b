"""What must hold of a budget's document, whoever reads it and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def assert_sums_are_right(document: Mapping[str, Any]) -> None:
    held = [hold["amount"] for hold in document["holds"].values() if hold["state"] == "held"]
    by_layer = [*document["days"].values(), document["earlier"]]
    assert document["limit"] == document["remaining"] + document["reserved"] + document["spent"]
    assert document["reserved"] == sum(held)
    assert all(amount >= 0 for amount in held)
    assert document["spent"] + document["written_off"] == sum(sum(layers.values()) for layers in by_layer)
    assert document["hold_count"] == len(document["holds"])
