from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody cuts the power in these tests, and the disk may be busy with others."""
    monkeypatch.setattr(os, "fsync", lambda _fd: None)
