"""Layer 5: whom to write to. Contacts are people whom a source names, or roles that are marked as made up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from pipeline.fallbacks import synthetic
from pipeline.jobs import Job
from pipeline.layers import web
from pipeline.layers.layer import Layer, Workplace
from pipeline.layers.layout import plain
from pipeline.layers.lines import Line, one_line
from pipeline.layers.names import is_persons_name
from pipeline.layers.posting import UNKNOWN_COMPANY, Posting
from pipeline.layers.question import Question
from pipeline.layers.web import Page
from pipeline.providers import language_models

if TYPE_CHECKING:
    from pipeline.providers.firecrawl import FireCrawl

MAX_RESULTS: Final = 5
_SYNTHETIC_ROLES: Final = ("Hiring manager", "Head of the team", "Recruiter")
_THE_POSTING: Final = 0


class ContactKind(StrEnum):
    """Where a contact comes from; a synthetic one is a role that somebody must have, and nobody's name."""

    FOUND = "found"
    SYNTHETIC = "synthetic"


class Contact(BaseModel):
    """`name` is None for a synthetic contact; `url` where no page names a found one, but the posting does."""

    model_config = ConfigDict(frozen=True)

    kind: ContactKind
    role: str
    name: str | None = None
    url: str | None = None


class People(BaseModel):
    """The best contact first; never empty."""

    model_config = ConfigDict(frozen=True)

    contacts: tuple[Contact, ...]


class _Named(BaseModel):
    name: Annotated[Line, StringConstraints(max_length=80)]
    role: Annotated[Line, StringConstraints(max_length=200)]
    source: int


def _or_none(given: object, read: ValidatorFunctionWrapHandler) -> object:
    """One that cannot be read is none: the others are worth no less."""
    try:
        return read(given)
    except ValidationError:
        return None


class _Answer(BaseModel):
    contacts: Annotated[tuple[Annotated[_Named | None, WrapValidator(_or_none)], ...], Field(max_length=5)]


_QUESTION: Final = Question("people", _Answer, data=("role", "posting", "sources"))


async def _find_people(job: Job, workplace: Workplace) -> People:
    posting = job.result(Posting)
    pages: tuple[Page, ...] = ()
    firecrawl = workplace.providers.firecrawl
    if firecrawl is not None and posting.company != UNKNOWN_COMPANY:
        if not _QUESTION.is_answerable(job, workplace):
            return _synthetic_people(posting)
        found = await _search(job, firecrawl, posting)
        if isinstance(found, People):
            job.degrade("people: firecrawl has no answer; the contacts are synthetic")
            return found
        pages = found
    answer = await _QUESTION.ask(
        job,
        workplace,
        {"role": posting.summary, "posting": posting.text, "sources": web.listed(pages)},
        check=lambda answer: _unnamed(answer, posting, pages),
        insists=False,
    )
    named = () if answer.value is None else answer.value.contacts
    contacts = tuple(
        Contact(
            kind=ContactKind.FOUND,
            role=person.role,
            name=person.name,
            url=None if person.source == _THE_POSTING else pages[person.source - 1].url,
        )
        for person in named
        if person is not None
        and _problem(person, posting, pages) is None
        and is_persons_name(person.name, unlike=(posting.company, posting.title))
    )
    return People(contacts=contacts) if contacts else _synthetic_people(posting)


async def _search(job: Job, firecrawl: FireCrawl, posting: Posting) -> tuple[Page, ...] | People:
    company, title = web.searchable(posting.company), web.searchable(posting.title)
    query = f'"{company}" hiring manager, head of team or recruiter for {title}'
    fallback = synthetic(lambda: _synthetic_people(posting))
    return (await web.search(job, firecrawl, query, limit=MAX_RESULTS, fallback=fallback)).value


def _synthetic_people(posting: Posting) -> People:
    return People(
        contacts=tuple(
            Contact(kind=ContactKind.SYNTHETIC, role=f"{role} for {posting.title}")
            for role in _SYNTHETIC_ROLES
        )
    )


def _unnamed(answer: _Answer, posting: Posting, pages: Sequence[Page]) -> list[str]:
    """What the model can mend. A title or a team that its source does name is left out without a word."""
    return [
        f"contacts.{place}.{problem}"
        for place, person in enumerate(answer.contacts)
        if (problem := _problem(person, posting, pages)) is not None
    ]


def _problem(person: _Named | None, posting: Posting, pages: Sequence[Page]) -> str | None:
    """A name that its source does not have, spelled so, is invented."""
    if person is None:
        return "name: it is needed, and so are role and source; leave out whom you cannot name"
    if not _THE_POSTING <= person.source <= len(pages):
        return f"source: {person.source} is no source; 0 to {len(pages)} are"
    source = posting.text
    if person.source != _THE_POSTING:
        page = pages[person.source - 1]
        source = f"{page.title} {page.description}"
    name = re.escape(_comparable(person.name))
    is_named = any(re.search(rf"(?<!\w){name}(?!\w)", _comparable(text)) for text in (source, plain(source)))
    return None if is_named else f"name: source {person.source} names nobody so"


def _comparable(text: str) -> str:
    """The same name may be written in other characters, of which a reader sees nothing."""
    return unicodedata.normalize("NFC", one_line(text)).replace("’", "'")


PEOPLE: Final = Layer(
    "people", dependencies=("firecrawl", *language_models.NAMES), result=People, run=_find_people
)
