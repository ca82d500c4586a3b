from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from pipeline import Meter
from pipeline.providers import Providers
from tests.pipeline.providers.serving import providers_at


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
async def providers(meter: Meter) -> AsyncIterator[Providers]:
    async with providers_at(meter=meter) as opened:
        yield opened
