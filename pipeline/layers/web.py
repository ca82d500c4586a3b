"""What a job looks up on the web: each look is paid for once, an interrupted run's included."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter

from pipeline.fallbacks import Answer, Fallback
from pipeline.jobs import Job
from pipeline.layers.lines import one_line, whole_characters
from pipeline.layers.paid import paid_once
from pipeline.rejections import BudgetExceededError, BudgetUnavailableError

if TYPE_CHECKING:
    from pipeline.providers.firecrawl import FireCrawl, SearchResult

F = TypeVar("F")

_MAX_SEARCHED_CHARS: Final = 120
_Url = Annotated[str, StringConstraints(max_length=2_000)]


class Page(BaseModel):
    """A page that a search found, in what the search says of it."""

    model_config = ConfigDict(frozen=True)

    url: _Url
    title: str
    description: str


_PAGES: Final = TypeAdapter(tuple[Page, ...])


async def search(
    job: Job, firecrawl: FireCrawl, query: str, *, limit: int, fallback: Fallback[F]
) -> Answer[tuple[Page, ...] | F]:
    """At most `limit` pages, the best first."""

    async def ask() -> Answer[str | F]:
        answer = await firecrawl.search(query, limit=limit, fallback=_UnlessBroke(fallback))
        if not answer.is_real:
            return cast("Answer[F]", answer)
        pages = tuple(
            Page(url=found.url, title=one_line(found.title), description=one_line(found.description))
            for found in cast("tuple[SearchResult, ...]", answer.value)
        )
        return Answer(_PAGES.dump_json(pages).decode())

    answer = await paid_once(job, json.dumps(["search", query, limit]), ask)
    if answer.is_real:
        return Answer(_PAGES.validate_json(cast("str", answer.value)))
    return cast("Answer[F]", answer)


async def read(job: Job, firecrawl: FireCrawl, url: str, *, fallback: Fallback[F]) -> Answer[str | F]:
    """The page as Markdown; the beginning, where it is long."""

    async def ask() -> Answer[str | F]:
        answer = await firecrawl.scrape(url, fallback=_UnlessBroke(fallback))
        return Answer(whole_characters(cast("str", answer.value))) if answer.is_real else answer

    return await paid_once(job, json.dumps(["read", url]), ask)


class _UnlessBroke(Generic[F]):
    """Nothing stands in for want of money: that job waits for a bigger budget."""

    def __init__(self, fallback: Fallback[F]) -> None:
        self._fallback = fallback

    def stand_in(self, error: Exception) -> Answer[F] | None:
        broke = isinstance(error, (BudgetExceededError, BudgetUnavailableError))
        return None if broke else self._fallback.stand_in(error)

    def learn(self, value: object) -> None:
        pass


def searchable(text: str) -> str:
    """Quotes in a name would end the quotation."""
    return text.replace('"', " ")[:_MAX_SEARCHED_CHARS]


def listed(pages: Sequence[Page]) -> str:
    """For a prompt: each page with its number, from 1."""
    return "\n".join(
        f"[{number}] {page.title}\n{page.url}\n{page.description}"
        for number, page in enumerate(pages, start=1)
    )
