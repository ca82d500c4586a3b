"""Layer 2: what troubles the company behind the posting, asked of a language model."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from pipeline.jobs import Job
from pipeline.layers.layer import Layer, Workplace
from pipeline.layers.lines import UNKNOWN_LINE, Line
from pipeline.layers.posting import Posting
from pipeline.layers.question import Question
from pipeline.providers import language_models

_Lines = Annotated[tuple[Line, ...], Field(min_length=1, max_length=10)]


class PainPoints(BaseModel):
    """What the posting tells of the company's troubles; `unknown` alone while no model answers."""

    model_config = ConfigDict(frozen=True)

    pain_points: tuple[str, ...]
    strategic_needs: tuple[str, ...]
    risks: tuple[str, ...]
    success_metrics: tuple[str, ...]

    @property
    def known(self) -> tuple[str, ...]:
        """The pain points; none where they are unknown."""
        return () if self.pain_points == _UNKNOWN else self.pain_points


class _Answer(BaseModel):
    """The answer as the prompt asks for it."""

    pain_points: Annotated[tuple[Line, ...], Field(min_length=5, max_length=10)]
    strategic_needs: _Lines
    risks: _Lines
    success_metrics: _Lines


_UNKNOWN: Final = (UNKNOWN_LINE,)
_QUESTION: Final = Question("pain_points", _Answer, data=("posting",))


async def _find_pain_points(job: Job, workplace: Workplace) -> PainPoints:
    answer = await _QUESTION.ask(job, workplace, {"posting": job.result(Posting).text})
    if answer.value is None:
        return PainPoints(
            pain_points=_UNKNOWN, strategic_needs=_UNKNOWN, risks=_UNKNOWN, success_metrics=_UNKNOWN
        )
    return PainPoints.model_validate(answer.value.model_dump())


PAIN_POINTS: Final = Layer(
    "pain_points", dependencies=language_models.NAMES, result=PainPoints, run=_find_pain_points
)
