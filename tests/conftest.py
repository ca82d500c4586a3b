from __future__ import annotations

import gc
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

HERE = Path(__file__).parent
RUN_APART = (
    HERE / "dashboards",
    HERE / "deploy",
    HERE / "e2e",
    HERE / "pipeline" / "breaker" / "test_invariants.py",
    HERE / "pipeline" / "breaker" / "test_threads.py",
    HERE / "pipeline" / "cli",
    HERE / "pipeline" / "demo",
    HERE / "pipeline" / "layers" / "test_posting_hostile.py",
    HERE / "pipeline" / "providers",
    HERE / "pipeline" / "test_flat_rates.py",
    HERE / "pipeline" / "test_resuming.py",
    HERE / "pipeline" / "test_runner.py",
    HERE / "sidecar" / "probes",
    HERE / "sidecar" / "spool" / "test_compaction.py",
    HERE / "sidecar" / "spool" / "test_quarantine.py",
    HERE / "sidecar" / "spool" / "test_room.py",
    HERE / "sidecar" / "spool" / "test_shortage.py",
    HERE / "sidecar" / "spool" / "test_survey.py",
    HERE / "sidecar" / "test_config_files.py",
    HERE / "sidecar" / "test_config_hostile.py",
    HERE / "sidecar" / "test_config_reference.py",
    HERE / "sidecar" / "test_one_registry.py",
    HERE / "sidecar" / "test_reload.py",
    HERE / "sidecar" / "test_web_api.py",
    HERE / "test_architecture.py",
)
"""Tests of whole processes and real servers, of what talks to servers over sockets, of heavy libraries, of
files that are moved about, of many threads and of many thousand inputs."""


# What the tests load stays: until all is loaded, the collector of garbage need not look for any.
gc.disable()

# No deadline: a busy machine is no defect.
settings.register_profile("quick", max_examples=50, deadline=None)
settings.load_profile("quick")

# structlog's own way to draw a traceback takes longer than the test that causes one.
structlog.configure(
    processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without them, what they import is not loaded either: the fast tests start fast."""
    return True if config.option.markexpr == "not e2e" and collection_path in RUN_APART else None


# First, so that the marker is there when pytest chooses by `-m`.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in RUN_APART):
            item.add_marker(pytest.mark.e2e)


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not walk through it again and again."""
    gc.freeze()
    gc.enable()
