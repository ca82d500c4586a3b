"""The layers of a job, one file each, in the order in which they run."""

from __future__ import annotations

from typing import Final

from pipeline.layers.generation import GENERATION
from pipeline.layers.intake import INTAKE
from pipeline.layers.layer import Layer, Workplace
from pipeline.layers.opportunity import OPPORTUNITY
from pipeline.layers.pain_points import PAIN_POINTS
from pipeline.layers.people import PEOPLE
from pipeline.layers.publish import PUBLISH
from pipeline.layers.research import RESEARCH

__all__ = ["LAYERS", "Layer", "Workplace"]

LAYERS: Final[tuple[Layer, ...]] = (
    INTAKE,
    PAIN_POINTS,
    RESEARCH,
    OPPORTUNITY,
    PEOPLE,
    GENERATION,
    PUBLISH,
)
