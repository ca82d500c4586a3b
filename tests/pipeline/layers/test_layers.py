"""What holds for every layer."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from pipeline.jobs import Job
from pipeline.layers import LAYERS, Layer, Workplace
from pipeline.layers.intake import INTAKE, IntakeError
from pipeline.metrics import DEPENDENCY_NAME
from tests.pipeline.providers.serving import providers_at


def test_layers_run_in_this_order() -> None:
    assert [layer.name for layer in LAYERS] == ["intake", "pain_points", "publish"]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
async def test_layer_is_frozen_and_names_providers_that_exist(layer: Layer) -> None:
    assert DEPENDENCY_NAME.fullmatch(layer.name)
    async with providers_at() as providers:
        assert set(layer.dependencies) <= set(providers.dependencies)
    with pytest.raises(FrozenInstanceError):
        layer.name = "other"  # type: ignore[misc]


async def test_intake_fails_a_job_whose_file_has_no_text() -> None:
    async with providers_at() as providers:
        with pytest.raises(IntakeError, match="the file is empty"):
            await INTAKE.run(
                Job(id="1", source="a.md", text=None, unreadable="the file is empty"),
                Workplace(providers, Path()),
            )
