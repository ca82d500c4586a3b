from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.layers.working import StandIns, Work, stand_ins, work_at


@pytest.fixture
async def served() -> AsyncIterator[StandIns]:
    async with stand_ins() as running:
        yield running


@pytest.fixture
async def work(served: StandIns, tmp_path: Path) -> AsyncIterator[Work]:
    """All three models, FireCrawl, the PDF service; no MongoDB."""
    async with work_at(served, tmp_path, models=("openrouter", "anthropic", "openai")) as working:
        yield working
