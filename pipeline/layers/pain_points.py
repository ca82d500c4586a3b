"""Layer 2: what troubles the company behind the posting, asked of a language model."""

from __future__ import annotations

import json
import re
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pipeline.jobs import Job, JobError
from pipeline.layers.layer import Layer, Workplace
from pipeline.providers import openrouter

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

# Many times the longest posting one would read; more is paid for and tells no more.
MAX_POSTING_CHARS: Final = 24_000
_MAX_REPEATED_ANSWER_CHARS: Final = 8_000
_MAX_PROBLEMS_SHOWN: Final = 10

_TAG = re.compile(r"<(?=\s{0,9}/?\s{0,9}posting)", re.IGNORECASE)
_FENCED = re.compile(r"\A```[a-z]{0,9}\n(.*)\n```\Z", re.DOTALL | re.IGNORECASE)


def _prompt(name: str) -> Template:
    return Template(resources.files("pipeline.layers").joinpath("prompts", name).read_text("utf-8"))


_QUESTION: Final = _prompt("pain_points.txt")
_REPAIR: Final = _prompt("pain_points_repair.txt")

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]
_Texts = Annotated[tuple[_Text, ...], Field(min_length=1, max_length=10)]


class PainPoints(BaseModel):
    """What the posting tells of the company's troubles."""

    model_config = ConfigDict(frozen=True)

    pain_points: tuple[str, ...]
    strategic_needs: tuple[str, ...]
    risks: tuple[str, ...]
    success_metrics: tuple[str, ...]


class _Answer(BaseModel):
    """The answer as the prompt asks for it; other keys are left out."""

    pain_points: Annotated[tuple[_Text, ...], Field(min_length=5, max_length=10)]
    strategic_needs: _Texts
    risks: _Texts
    success_metrics: _Texts


class _AnswerError(Exception):
    """The answer is not what was asked for; the message tells the model and quotes nothing."""


async def _find_pain_points(job: Job, workplace: Workplace) -> PainPoints:
    """Ask, and where the answer cannot be used, ask once more and say why."""
    conversation: list[ChatCompletionMessageParam] = [{"role": "user", "content": _question(job.text or "")}]
    answer = await _ask(job, workplace, conversation)
    try:
        return _parse(answer)
    except _AnswerError as problems:
        conversation += [
            {"role": "assistant", "content": answer[:_MAX_REPEATED_ANSWER_CHARS]},
            {"role": "user", "content": _REPAIR.substitute(problems=problems)},
        ]
    answer = await _ask(job, workplace, conversation)
    try:
        return _parse(answer)
    except _AnswerError as error:
        first, *_ = str(error).splitlines()
        raise JobError(f"the model's answer cannot be used, asked twice: {first}") from None


async def _ask(job: Job, workplace: Workplace, conversation: list[ChatCompletionMessageParam]) -> str:
    return await job.once(
        json.dumps(conversation), lambda: workplace.providers.openrouter.ask_for_json(conversation)
    )


def _question(text: str) -> str:
    # The posting must not be able to close the tags that mark it as data.
    return _QUESTION.substitute(posting=_TAG.sub("‹", text[:MAX_POSTING_CHARS].strip()))


def _parse(answer: str) -> PainPoints:
    text = answer.strip()
    fenced = _FENCED.match(text)
    try:
        given = json.loads(text if fenced is None else fenced[1])
    except (ValueError, RecursionError):
        raise _AnswerError("it is not JSON") from None
    try:
        valid = _Answer.model_validate(given)
    except ValidationError as error:
        raise _AnswerError("\n".join(_problems(error))) from None
    return PainPoints(
        pain_points=_in_one_line(valid.pain_points),
        strategic_needs=_in_one_line(valid.strategic_needs),
        risks=_in_one_line(valid.risks),
        success_metrics=_in_one_line(valid.success_metrics),
    )


def _problems(error: ValidationError) -> list[str]:
    """One line each, without the input: it may be long, and it goes to the log."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        f"{'.'.join(map(str, detail['loc'])) or 'the answer'}: {detail['msg']}"
        for detail in details[:_MAX_PROBLEMS_SHOWN]
    ]


def _in_one_line(texts: tuple[str, ...]) -> tuple[str, ...]:
    spaced = ("".join(char if char.isprintable() else " " for char in text) for text in texts)
    return tuple(" ".join(text.split()) for text in spaced)


PAIN_POINTS: Final = Layer(
    "pain_points", dependencies=(openrouter.NAME,), result=PainPoints, run=_find_pain_points
)
