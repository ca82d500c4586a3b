"""`Title at Company`: in a heading, and in the title of a web page, which may be any sentence."""

from __future__ import annotations

import re
from typing import Final

from pipeline.layers.layout import MAX_TITLE_CHARS, REQUIREMENT_HEADINGS, name_of, plain
from pipeline.layers.names import begins_small, may_be_company

NO_TITLES: Final = REQUIREMENT_HEADINGS | {
    "about us",
    "about the company",
    "about the job",
    "about the role",
    "careers",
    "job description",
    "job posting",
    "jobs",
    "join us",
    "introduction",
    "open positions",
    "overview",
    "responsibilities",
    "vacancies",
    "vacancy",
    "we are hiring",
}

AT: Final = re.compile(r"\s+(?:at|@)\s+", re.IGNORECASE)
_HIRING: Final = re.compile(
    r"(\S[^|]{0,80}?)(?:\s+(?:is|actively|always|currently|now|still|urgently))*\s+hiring\b\W+\w"
)
# "Look at Old Inn", "Work at Home"
_NO_TITLES_BEFORE_AT: Final = frozenset({"apply", "look", "start", "work", "working"})
_JOBS: Final = frozenset(
    {"careers", "job", "jobs", "openings", "opportunities", "positions", "roles", "vacancies"}
)
_BETWEEN_PARTS: Final = re.compile(r"\s+(?:[|·•–—-]|::)\s+")
_MAX_PAGE_TITLE_CHARS: Final = 2_000


def split(named: str) -> tuple[str, str | None]:
    """`Title at Company`, split at the last `at`, unless it is one of `work at home` or `apply at once`."""
    *_, last = [None, *AT.finditer(named)]
    if last is None:
        return named, None
    title, company = named[: last.start()], named[last.end() :]
    if not title or not company or name_of(title) in _NO_TITLES_BEFORE_AT or begins_small(company):
        return named, None
    return title, company


def split_of_page(named: str) -> tuple[str, str | None]:
    """As `split`, but only at what looks like a company: pages are titled in all sorts of sentences."""
    title, company = split(named)
    is_one = company is not None and may_be_company(company.removeprefix("the "))
    return (title, company) if is_one else (named, None)


def heading_of_page(page_title: str) -> str:
    """What a page without a heading is headed by: the part of its title that says `Title at Company`.

    What stands beside that is the site's, as what stands beside `Jobs at Company` is the job's.
    """
    parts = _parts_of(page_title)
    at_company = [part for part in parts if split_of_page(part)[1] is not None]
    of_jobs = [part for part in at_company if _says_jobs(split(part)[0])]
    titles = [part for part in at_company if part not in of_jobs]
    if of_jobs:
        titles += [part for part in parts if part not in of_jobs]
    return titles[0] if titles else page_title


def company_of_page(page_title: str, title: str) -> str | None:
    """`Old Inn` of `Cook at Old Inn | Jobs`, and of `Old Inn hiring Cook in Hove | Jobs`.

    It is looked up for money, and so what may be any other words is none: `Now hiring`, `Cook at home`, or
    what stands behind the `at` of something else than this `title`, or than `Jobs`.
    """
    for part in _parts_of(page_title):
        before, company = split_of_page(part)
        if company is not None and (_says_jobs(before) or _is_part(title, before) or _is_part(before, title)):
            return company
    for part in page_title[:_MAX_PAGE_TITLE_CHARS].split("|"):
        hiring = _HIRING.match(plain(part))
        if hiring is None or _BETWEEN_PARTS.search(hiring[1]):
            continue
        if may_be_company(hiring[1]) and name_of(hiring[1]) != name_of(title):
            return hiring[1]
    return None


def _parts_of(page_title: str) -> list[str]:
    parts = map(plain, _BETWEEN_PARTS.split(page_title[:_MAX_PAGE_TITLE_CHARS]))
    return [part[:MAX_TITLE_CHARS].rstrip() for part in parts if part]


def _says_jobs(text: str) -> bool:
    name = name_of(text)
    return name in NO_TITLES or (bool(name) and name.split()[-1] in _JOBS)


def _is_part(text: str, whole: str) -> bool:
    """Whether those words stand in it, in that order."""
    name = name_of(text)
    return bool(name) and f" {name} " in f" {name_of(whole)} "
