from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
RUN_APART = (
    HERE / "e2e",
    HERE / "pipeline" / "demo",
    HERE / "sidecar" / "probes" / "test_every_kind.py",
    HERE / "sidecar" / "probes" / "test_http_hostile.py",
)
"""Tests of whole processes, of real servers (the stand-ins are some), and of targets that hang."""

settings.register_profile("quick", max_examples=50)
settings.load_profile("quick")


# First, so that the marker is there when pytest chooses by `-m`.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in RUN_APART):
            item.add_marker(pytest.mark.e2e)


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()
