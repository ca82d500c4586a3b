"""What the published documents say, made of what the layers found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.jobs import Job
from pipeline.layers.candidate import Candidate
from pipeline.layers.generation import Application, Claim, Position
from pipeline.layers.lines import UNKNOWN_LINE
from pipeline.layers.opportunity import Opportunity
from pipeline.layers.pain_points import PainPoints
from pipeline.layers.paper import Block, Kind, Paper
from pipeline.layers.people import Contact, ContactKind, People
from pipeline.layers.posting import Posting
from pipeline.layers.research import Research

_NOBODY = "hiring team"


def curriculum_vitae(application: Application, candidate: Candidate) -> Paper:
    cv = application.cv
    name = candidate.name or "Curriculum vitae"
    blocks = [Block(Kind.TITLE, name), *(Block(Kind.PARAGRAPH, line) for line in candidate.contact)]
    blocks += _section("Profile", (claim.text for claim in cv.summary), Kind.PARAGRAPH)
    if cv.experience:
        blocks.append(Block(Kind.HEADING, "Experience"))
    for position in cv.experience:
        blocks.append(Block(Kind.SUBHEADING, _heading(position)))
        blocks += _items(claim.text for claim in position.achievements)
    blocks += _section("Education", (entry.text for entry in cv.education))
    blocks += _section("Skills", (entry.text for entry in cv.skills))
    return Paper(f"{name}: CV", tuple(blocks))


def _heading(position: Position) -> str:
    where = ", ".join(part for part in (position.role, position.employer) if part)
    return f"{where} ({position.period})" if position.period else where


def cover_letter(application: Application, candidate: Candidate, job: Job) -> Paper:
    posting, letter = job.result(Posting), application.cover_letter
    return Paper(
        f"Cover letter: {posting.title}",
        (
            *_paragraphs((candidate.name, *candidate.contact) if candidate.name else candidate.contact),
            Block(Kind.HEADING, posting.title if posting.company == UNKNOWN_LINE else _role(posting)),
            Block(Kind.PARAGRAPH, _salutation(job)),
            Block(Kind.PARAGRAPH, letter.opening),
            Block(Kind.PARAGRAPH, _joined(letter.claims)),
            Block(Kind.PARAGRAPH, letter.closing),
            *_paragraphs(_signature(candidate)),
        ),
    )


def outreach(application: Application, candidate: Candidate, job: Job) -> Paper:
    message = application.outreach
    return Paper(
        message.subject,
        (
            Block(Kind.PARAGRAPH, f"Subject: {message.subject}"),
            Block(Kind.PARAGRAPH, _salutation(job)),
            Block(Kind.PARAGRAPH, message.opening),
            Block(Kind.PARAGRAPH, _joined(message.claims)),
            Block(Kind.PARAGRAPH, message.closing),
            *_paragraphs(_signature(candidate)),
        ),
    )


def dossier(job: Job, application: Application | None) -> Paper:
    posting = job.result(Posting)
    blocks = [Block(Kind.TITLE, posting.title), Block(Kind.PARAGRAPH, f"Company: {posting.company}")]
    blocks += _section("What is missing in this dossier", map(_for_people, job.degradations))
    blocks += _of_opportunity(job.result(Opportunity))
    if application is None:
        blocks += _section("Application", (UNKNOWN_LINE,), Kind.PARAGRAPH)
    found = job.result(PainPoints)
    blocks += _section("Pain points", found.pain_points)
    blocks += _section("Strategic needs", found.strategic_needs)
    blocks += _section("Risks", found.risks)
    blocks += _section("Success metrics", found.success_metrics)
    blocks += _of_research(job.result(Research))
    blocks += _section("Contacts", map(_shown, job.result(People).contacts))
    blocks += _section("Requirements", posting.requirements)
    return Paper(f"{posting.title}: dossier", tuple(blocks))


def _for_people(degradation: str) -> str:
    """`pain_points: …` as `pain points: …`."""
    layer, colon, what = degradation.partition(":")
    return f"{layer.replace('_', ' ')}{colon}{what}"


def _of_opportunity(opportunity: Opportunity) -> Iterator[Block]:
    score = UNKNOWN_LINE if opportunity.score is None else f"{opportunity.score} of 100"
    yield Block(Kind.HEADING, f"Fit: {score}")
    yield from _items(reason.text for reason in opportunity.reasons)
    yield from _items(f"Gap: {gap}" for gap in opportunity.gaps)


def _of_research(research: Research) -> Iterator[Block]:
    yield Block(Kind.HEADING, "Company and role")
    yield Block(Kind.PARAGRAPH, research.company)
    if research.role != UNKNOWN_LINE:
        yield Block(Kind.PARAGRAPH, research.role)
    yield from _items(f"{finding.text} [{finding.source}]" for finding in research.findings)
    sources = (f"[{place}] {page.title} {page.url}" for place, page in enumerate(research.sources, start=1))
    yield from _section("Sources", sources, Kind.PARAGRAPH)


def _shown(contact: Contact) -> str:
    if contact.kind is ContactKind.SYNTHETIC:
        return f"{contact.role} (synthetic: a role, not a person who was found)"
    return ", ".join(part for part in (contact.name, contact.role, contact.url) if part)


def _salutation(job: Job) -> str:
    best = job.result(People).contacts[0]
    return f"Dear {_NOBODY if best.name is None else best.name},"


def _signature(candidate: Candidate) -> tuple[str, ...]:
    return ("Kind regards", candidate.name) if candidate.name else ("Kind regards",)


def _role(posting: Posting) -> str:
    return f"{posting.title}, {posting.company}"


def _joined(claims: Iterable[Claim]) -> str:
    return " ".join(claim.text for claim in claims)


def _section(heading: str, texts: Iterable[str], kind: Kind = Kind.ITEM) -> list[Block]:
    """Nothing at all where there are no texts."""
    blocks = [Block(kind, text) for text in texts]
    return [Block(Kind.HEADING, heading), *blocks] if blocks else []


def _items(texts: Iterable[str]) -> Iterator[Block]:
    return (Block(Kind.ITEM, text) for text in texts)


def _paragraphs(texts: Iterable[str]) -> Iterator[Block]:
    return (Block(Kind.PARAGRAPH, text) for text in texts)
