"""Layer 4: how well the candidate fits the role, with reasons that rest on the CV."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from pipeline.jobs import Job
from pipeline.layers.candidate import Candidate
from pipeline.layers.grounding import missing_lines
from pipeline.layers.layer import Layer, Workplace
from pipeline.layers.lines import Line
from pipeline.layers.pain_points import PainPoints
from pipeline.layers.posting import Posting
from pipeline.layers.question import Question
from pipeline.providers import language_models


class Reason(BaseModel):
    """One sentence, and the numbers of the lines of the CV that it rests on."""

    model_config = ConfigDict(frozen=True)

    text: Line
    cv_lines: Annotated[tuple[int, ...], Field(max_length=10)]


class Opportunity(BaseModel):
    """`score` is from 0 to 100; None while it is unknown."""

    model_config = ConfigDict(frozen=True)

    score: Annotated[int, Field(ge=0, le=100)] | None = None
    reasons: tuple[Reason, ...] = ()
    gaps: tuple[str, ...] = ()


class _Answer(BaseModel):
    score: Annotated[int, Field(ge=0, le=100, strict=True)]
    reasons: Annotated[tuple[Reason, ...], Field(min_length=2, max_length=6)]
    gaps: Annotated[tuple[Line, ...], Field(max_length=6)]


_QUESTION: Final = Question("opportunity", _Answer, data=("posting", "pain_points", "cv"))


async def _judge(job: Job, workplace: Workplace) -> Opportunity:
    candidate = workplace.candidate
    answer = await _QUESTION.ask(
        job,
        workplace,
        {
            "posting": job.result(Posting).text,
            "pain_points": "\n".join(f"- {text}" for text in job.result(PainPoints).known),
            "cv": candidate.numbered(),
        },
        check=lambda answer: _without_line(answer, candidate),
    )
    if answer.value is None:
        return Opportunity()
    return Opportunity.model_validate(answer.value.model_dump())


def _without_line(answer: _Answer, candidate: Candidate) -> list[str]:
    return [
        f"reasons.{place}: {problem}"
        for place, reason in enumerate(answer.reasons)
        for problem in missing_lines(reason.cv_lines, candidate)
    ]


OPPORTUNITY: Final = Layer(
    "opportunity", dependencies=language_models.NAMES, result=Opportunity, run=_judge, reads_cv=True
)
