"""Layer 6: CV, cover letter and outreach. What they say of the candidate rests on the CV, and is checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pipeline.jobs import Job
from pipeline.layers.candidate import Candidate
from pipeline.layers.facts import plain_words_of
from pipeline.layers.grounding import (
    foreign,
    shares_words,
    uncited_past,
    uncopied,
    ungrounded_claim,
)
from pipeline.layers.layer import Layer, Workplace
from pipeline.layers.lines import Line, OptionalLine
from pipeline.layers.pain_points import PainPoints
from pipeline.layers.posting import UNKNOWN_COMPANY, Posting
from pipeline.layers.question import Question
from pipeline.layers.research import Research
from pipeline.providers import language_models

_MAX_OUTPUT_TOKENS: Final = 4_000
_WORDS_OF_PAIN_POINT: Final = 3
_FROZEN: Final = ConfigDict(frozen=True)

_CvLines = Annotated[tuple[int, ...], Field(max_length=10)]
_Short = Annotated[Line, StringConstraints(max_length=200)]
_ShortOrEmpty = Annotated[OptionalLine, StringConstraints(max_length=200)]


class Claim(BaseModel):
    """A sentence about the candidate, and the numbers of the lines of the CV that it rests on."""

    model_config = _FROZEN

    text: Line
    cv_lines: _CvLines


class Position(BaseModel):
    """A station of the candidate's; all but the achievements is copied from the CV, if that tells it."""

    model_config = _FROZEN

    role: _Short
    employer: _ShortOrEmpty
    period: _ShortOrEmpty
    cv_lines: _CvLines
    achievements: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=6)]


class Cv(BaseModel):
    model_config = _FROZEN

    summary: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=3)]
    experience: Annotated[tuple[Position, ...], Field(max_length=8)] = ()
    education: Annotated[tuple[Claim, ...], Field(max_length=6)] = ()
    skills: Annotated[tuple[Claim, ...], Field(max_length=12)] = ()


class Outreach(BaseModel):
    model_config = _FROZEN

    subject: _Short
    opening: Line
    claims: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=2)]
    closing: Line


class CoverLetter(BaseModel):
    """`pain_point` is the place, from 1, of the one that the letter speaks to; 0 where none is known."""

    model_config = _FROZEN

    pain_point: Annotated[int, Field(ge=0, le=10)]
    opening: Line
    claims: Annotated[tuple[Claim, ...], Field(min_length=2, max_length=5)]
    closing: Line


class Application(BaseModel):
    """What a model writes."""

    model_config = _FROZEN

    cv: Cv
    cover_letter: CoverLetter
    outreach: Outreach


class Generation(BaseModel):
    """`application` is None while it is unknown: no model answered."""

    model_config = _FROZEN

    application: Application | None = None


_QUESTION: Final = Question(
    "generation",
    Application,
    data=("role", "posting", "pain_points", "research", "cv"),
    max_output_tokens=_MAX_OUTPUT_TOKENS,
)


async def _generate(job: Job, workplace: Workplace) -> Generation:
    posting, research = job.result(Posting), job.result(Research)
    pain_points = job.result(PainPoints).known
    findings = "\n".join(finding.text for finding in research.findings)
    checker = _Checker(
        workplace.candidate, posting, pain_points, f"{research.company}\n{research.role}\n{findings}"
    )
    answer = await _QUESTION.ask(
        job,
        workplace,
        {
            "role": posting.summary,
            "posting": posting.text,
            "pain_points": "\n".join(f"{place}. {text}" for place, text in enumerate(pain_points, start=1)),
            "research": f"{research.company}\n{findings}",
            "cv": workplace.candidate.numbered(),
        },
        check=lambda application: list(checker.problems(application)),
    )
    return Generation(application=answer.value)


class _Checker:
    """What is wrong with an application, one line each, with the place in the JSON."""

    def __init__(
        self, candidate: Candidate, posting: Posting, pain_points: Sequence[str], research: str
    ) -> None:
        self._candidate = candidate
        self._company = "" if posting.company == UNKNOWN_COMPANY else posting.company
        self._pain_points = pain_points
        # What the company is called, and what is told of it, may be named; never as the candidate's own.
        self._role_and_company = f"{posting.title}\n{self._company}"
        self._about_company = "\n".join((self._role_and_company, posting.text, *pain_points, research))
        self._plain_words = plain_words_of(self._about_company) | plain_words_of(candidate.numbered())

    def problems(self, application: Application) -> Iterator[str]:
        yield from self._of_cv(application.cv)
        yield from self._of_letter(application.cover_letter)
        yield from self._of_outreach(application.outreach)

    def _of_cv(self, cv: Cv) -> Iterator[str]:
        yield from self._of_claims("cv.summary", cv.summary)
        for place, position in enumerate(cv.experience):
            where = f"cv.experience.{place}"
            for key in ("role", "employer", "period"):
                if not getattr(position, key):
                    continue
                for problem in uncopied(getattr(position, key), position.cv_lines, self._candidate):
                    yield f"{where}.{key}: {problem}"
            yield from self._of_claims(f"{where}.achievements", position.achievements)
        for key, entries in (("education", cv.education), ("skills", cv.skills)):
            for place, entry in enumerate(entries):
                for problem in uncopied(entry.text, entry.cv_lines, self._candidate):
                    yield f"cv.{key}.{place}: {problem}"

    def _of_letter(self, letter: CoverLetter) -> Iterator[str]:
        yield from self._of_frame("cover_letter", letter.opening, letter.closing)
        yield from self._of_claims("cover_letter.claims", letter.claims, self._role_and_company)
        if not self._pain_points:
            return
        if not 1 <= letter.pain_point <= len(self._pain_points):
            yield f"cover_letter.pain_point: {letter.pain_point} is none of 1 to {len(self._pain_points)}"
        elif not shares_words(
            letter.opening, self._pain_points[letter.pain_point - 1], least=_WORDS_OF_PAIN_POINT
        ):
            yield f"cover_letter.opening: it does not name pain point {letter.pain_point} in its own words"

    def _of_outreach(self, outreach: Outreach) -> Iterator[str]:
        yield from self._of_frame("outreach", outreach.opening, outreach.closing)
        yield from self._of_claims("outreach.claims", outreach.claims, self._role_and_company)
        for problem in self._foreign(outreach.subject):
            yield f"outreach.subject: {problem}"

    def _of_frame(self, where: str, opening: str, closing: str) -> Iterator[str]:
        """What stands round the claims is about the company."""
        for key, text in (("opening", opening), ("closing", closing)):
            for problem in (*self._foreign(text), *uncited_past(text)):
                yield f"{where}.{key}: {problem}"
        if self._company and self._company.casefold() not in opening.casefold():
            yield f"{where}.opening: it does not name the company"

    def _of_claims(self, where: str, claims: Sequence[Claim], known_names: str = "") -> Iterator[str]:
        for place, claim in enumerate(claims):
            for problem in ungrounded_claim(
                claim.text,
                claim.cv_lines,
                self._candidate,
                known_names=known_names,
                plain_words=self._plain_words,
            ):
                yield f"{where}.{place}: {problem}"

    def _foreign(self, text: str) -> list[str]:
        return foreign(text, self._about_company, names=self._candidate.name, plain_words=self._plain_words)


GENERATION: Final = Layer(
    "generation", dependencies=language_models.NAMES, result=Generation, run=_generate, reads_cv=True
)
