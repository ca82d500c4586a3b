"""Layer 3: what is publicly known of the company and the role, with sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from pipeline.fallbacks import placeholder
from pipeline.jobs import Job
from pipeline.layers import web
from pipeline.layers.layer import Layer, Workplace
from pipeline.layers.lines import UNKNOWN_LINE, Line
from pipeline.layers.posting import UNKNOWN_COMPANY, Posting
from pipeline.layers.question import Question
from pipeline.layers.web import Page
from pipeline.providers import language_models

if TYPE_CHECKING:
    from pipeline.providers.firecrawl import FireCrawl

MAX_RESULTS: Final = 5
MAX_PAGES_READ: Final = 2
_MAX_CHARS_OF_PAGE: Final = 6_000


class Finding(BaseModel):
    """One sentence, and the source that says so: a place in `Research.sources`, from 1."""

    model_config = ConfigDict(frozen=True)

    text: Line
    source: int


class Research(BaseModel):
    """`unknown` where nothing was looked up, or no model answered."""

    model_config = ConfigDict(frozen=True)

    company: str = UNKNOWN_LINE
    role: str = UNKNOWN_LINE
    findings: tuple[Finding, ...] = ()
    sources: tuple[Page, ...] = ()

    @property
    def is_known(self) -> bool:
        return self.company != UNKNOWN_LINE


class _Answer(BaseModel):
    company: Line
    role: Line
    findings: Annotated[tuple[Finding, ...], Field(max_length=8)]


_QUESTION: Final = Question("research", _Answer, data=("role", "sources"))


async def _research(job: Job, workplace: Workplace) -> Research:
    """Nothing is looked up for a company without a name, or where no FireCrawl is configured."""
    posting = job.result(Posting)
    firecrawl = workplace.providers.firecrawl
    if firecrawl is None or posting.company == UNKNOWN_COMPANY:
        return Research()
    key = (posting.company.casefold(), posting.title.casefold())
    known = workplace.memory.research.recall(key)
    if known is not None and isinstance(known[0], Research):
        return known[0]
    if not _QUESTION.is_answerable(job, workplace):
        return Research()
    degraded_before = len(job.degradations)
    research = await _look_up(job, workplace, firecrawl, posting)
    if research.is_known and len(job.degradations) == degraded_before:
        workplace.memory.research.keep(key, research)
    return research


async def _look_up(job: Job, workplace: Workplace, firecrawl: FireCrawl, posting: Posting) -> Research:
    query = f'"{web.searchable(posting.company)}" company {web.searchable(posting.title)}'
    found = await web.search(job, firecrawl, query, limit=MAX_RESULTS, fallback=placeholder(None))
    if found.value is None:
        job.degrade("research: firecrawl has no answer; unknown")
        return Research()
    sources = found.value
    texts = [await _read(job, firecrawl, page) for page in sources[:MAX_PAGES_READ]]
    answer = await _QUESTION.ask(
        job,
        workplace,
        {"role": posting.summary, "sources": _shown(sources, texts)},
        check=lambda answer: _without_source(answer, len(sources)),
    )
    if answer.value is None:
        return Research(sources=sources)
    return Research(
        company=answer.value.company,
        role=answer.value.role,
        findings=answer.value.findings,
        sources=sources,
    )


async def _read(job: Job, firecrawl: FireCrawl, page: Page) -> str:
    """What the page says; what the search says of it where it cannot be read."""
    read = await web.read(job, firecrawl, page.url, fallback=placeholder(None))
    if read.value is None:
        job.degrade("research: not every page could be read")
        return ""
    return read.value[:_MAX_CHARS_OF_PAGE]


def _shown(sources: Sequence[Page], texts: Sequence[str]) -> str:
    return "\n\n".join((web.listed(sources), *(f"[{at}] {text}" for at, text in enumerate(texts, 1) if text)))


def _without_source(answer: _Answer, sources: int) -> list[str]:
    return [
        f"findings.{place}.source: {finding.source} is no source; there are 1 to {sources}"
        for place, finding in enumerate(answer.findings)
        if not 1 <= finding.source <= sources
    ]


RESEARCH: Final = Layer(
    "research", dependencies=("firecrawl", *language_models.NAMES), result=Research, run=_research
)
