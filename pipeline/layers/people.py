"""Layer 5: whom to write to. Contacts are people whom a source names, or roles that are marked as made up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from pipeline.fallbacks import synthetic
from pipeline.jobs import Job
from pipeline.layers import web
from pipeline.layers.layer import Layer, Workplace
from pipeline.layers.lines import Line
from pipeline.layers.posting import UNKNOWN_COMPANY, Posting
from pipeline.layers.question import Question
from pipeline.layers.vocabulary import NO_NAMES
from pipeline.layers.web import Page
from pipeline.providers import language_models

if TYPE_CHECKING:
    from pipeline.providers.firecrawl import FireCrawl

MAX_RESULTS: Final = 5
_SYNTHETIC_ROLES: Final = ("Hiring manager", "Head of the team", "Recruiter")
_THE_POSTING: Final = 0
_FEWEST_WORDS_OF_NAME: Final = 2
# fmt: off
_PARTICLES: Final = frozenset({
    "af", "al", "av", "bin", "da", "das", "de", "del", "della", "den", "der", "di", "dos", "du", "e",
    "el", "ibn", "la", "le", "ten", "ter", "und", "van", "von", "y", "zu", "zum", "zur",
})
# fmt: on
_TITLES_OF_PEOPLE: Final = frozenset({"dr", "mr", "mrs", "ms"})


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
    name: Annotated[Line, StringConstraints(min_length=3, max_length=80)]
    role: Annotated[Line, StringConstraints(max_length=200)]
    source: int


class _Answer(BaseModel):
    contacts: Annotated[tuple[_Named, ...], Field(max_length=5)]


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
    """A name that its source does not have, spelled so, is invented; and not every two words are a name."""
    problems = []
    for place, contact in enumerate(answer.contacts):
        if not _THE_POSTING <= contact.source <= len(pages):
            problems.append(f"contacts.{place}.source: {contact.source} is no source; 0 to {len(pages)} are")
            continue
        source = posting.text
        if contact.source != _THE_POSTING:
            page = pages[contact.source - 1]
            source = f"{page.title} {page.description}"
        if not is_persons_name(contact.name, unlike=(posting.company, posting.title)):
            problems.append(f"contacts.{place}.name: it is no person's first and last name")
        elif not re.search(rf"(?<!\w){re.escape(contact.name)}(?!\w)", " ".join(source.split())):
            problems.append(f"contacts.{place}.name: source {contact.source} names nobody so")
    return problems


def is_persons_name(text: str, *, unlike: Sequence[str] = ()) -> bool:
    """Whether it looks like one: two words or more, each with a capital letter, and no `We` or `Your` in it.

    A particle has none, as in `Ludwig van Beethoven`, and a script without capitals needs none. `unlike` are
    names that it must not be.
    """
    words = text.split()
    named = [word for word in words if word.casefold() not in _PARTICLES]
    return (
        len(named) >= _FEWEST_WORDS_OF_NAME
        and all(_may_be_of_name(word) for word in named)
        and text.casefold() not in {other.casefold() for other in unlike}
    )


def _may_be_of_name(word: str) -> bool:
    letters = [character for character in word if character.isalpha()]
    is_plain = word.casefold().strip(".") in NO_NAMES - _TITLES_OF_PEOPLE
    # Of the first two, as in d'Arcy and O'Brien; a script without capitals is neither lower nor upper.
    return bool(letters) and not is_plain and any(not letter.islower() for letter in letters[:2])


PEOPLE: Final = Layer(
    "people", dependencies=("firecrawl", *language_models.NAMES), result=People, run=_find_people
)
