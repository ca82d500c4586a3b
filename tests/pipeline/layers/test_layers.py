"""What holds for every layer."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from pydantic import ValidationError

from pipeline.layers import LAYERS, Layer
from pipeline.metrics import DEPENDENCY_NAME
from pipeline.providers import language_models
from sidecar.health.pipeline import LAYER_ORDER

PROVIDERS = {*language_models.NAMES, "firecrawl", "pdf_service", "mongodb"}


def test_layers_run_in_the_order_in_which_the_document_shows_them() -> None:
    assert tuple(layer.name for layer in LAYERS) == LAYER_ORDER


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_layer_is_frozen_and_names_providers_that_exist(layer: Layer) -> None:
    assert DEPENDENCY_NAME.fullmatch(layer.name)
    assert set(layer.dependencies) <= PROVIDERS
    with pytest.raises(FrozenInstanceError):
        layer.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_results_are_frozen_and_of_one_layer_alone(layer: Layer) -> None:
    assert layer.result.model_config.get("frozen") is True
    assert [other.name for other in LAYERS if other.result is layer.result] == [layer.name]
    with pytest.raises(ValidationError):
        layer.result.model_validate_json('"text"')
