"""A posting: what is found in it by its layout."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from pipeline.jobs import JobError
from pipeline.layers.layout import (
    BULLET,
    COMPANY_LABELS,
    MAX_TITLE_CHARS,
    REQUIREMENT_HEADINGS,
    TITLE_LABELS,
    Label,
    first_of,
    heading_of,
    is_prose,
    labels_in,
    name_of,
    plain,
)
from pipeline.layers.titles import AT, NO_TITLES, company_of_page, split, split_of_page

UNKNOWN_COMPANY: Final = "unknown"
MAX_TEXT_CHARS: Final = 24_000
"""Many times the longest posting one would read."""
MAX_REQUIREMENTS: Final = 100
MAX_REQUIREMENT_CHARS: Final = 500
# Beyond these a posting has no layout that tells anything; and this runs in the event loop.
_MAX_LINES: Final = 2_000
_MAX_LINE_CHARS: Final = 2_000

_BOLD_LEAD = re.compile(r"\*\*([^*]+)\*\*\s*(?:[·|,–—-].*)?\Z")


class Posting(BaseModel):
    """What intake finds in a posting, and its text; `company` is `unknown` where none is named."""

    model_config = ConfigDict(frozen=True)

    title: str
    company: str
    requirements: tuple[str, ...]
    text: str

    @property
    def summary(self) -> str:
        """Title and company, for a prompt; a model that is told of a company `unknown` writes to it."""
        role = f"Role: {self.title}"
        return role if self.company == UNKNOWN_COMPANY else f"{role}\nCompany: {self.company}"


class IntakeError(JobError):
    """The posting does not tell what job it is about."""


def parse_posting(text: str, *, page_title: str = "", is_headed_by_page: bool = False) -> Posting:
    """Find title, company and requirements by the posting's layout, in less than a tenth of a second.

    `page_title` is that of the web page it stood on; it may name the company where the posting does not.
    `is_headed_by_page`: the text's first line is `heading_of_page` of it.

    Raises:
        IntakeError: no title can be found.
    """
    lines = [line[:_MAX_LINE_CHARS].rstrip() for line in text.splitlines()[:_MAX_LINES]]
    requirements = tuple(_requirements(lines))
    top = _top_heading(lines)
    labels, end_of_head = labels_in(lines), _end_of_head(lines, top or 0)
    head = {name: label for name, label in labels.items() if label.line < end_of_head}
    title_label, company_label = first_of(head, TITLE_LABELS), first_of(head, COMPANY_LABELS)
    further_down = first_of(labels, COMPANY_LABELS - {"employer"})
    if top is not None and _is_outranked(lines[top], top, title_label, company_label):
        top = None
    elif top is None and (title_label is None or title_label.is_doubtful):
        is_posting = bool(requirements or company_label or further_down)
        top = _first_line(lines, looks_like_posting=is_posting)
        # Better than no title at all.
        title_label = title_label or first_of(labels, TITLE_LABELS)
    if top is not None:
        named = plain(heading_of(lines[top]) or lines[top])
        title, company = split_of_page(named) if is_headed_by_page and top == 0 else split(named)
        company = company or _company_below(lines[top + 1 :])
    elif title_label is not None:
        title, company = split(title_label.value)
    else:
        raise IntakeError(
            "no title found; begin the posting with a line '# Title at Company' or 'Position: Title'"
        )
    company = company or company_of_page(page_title, title)
    if company_label is not None and not (company_label.is_doubtful and company):
        company = company_label.value
    elif company is None and further_down is not None and not further_down.is_doubtful:
        company = further_down.value
    return Posting(
        title=title,
        company=company or UNKNOWN_COMPANY,
        requirements=requirements,
        text=text[:MAX_TEXT_CHARS].strip(),
    )


def _is_outranked(heading: str, line: int, title: Label | None, company: Label | None) -> bool:
    """Whether the label has the title: it stands above the heading, or the heading is the company's name.

    One below it may be of the contract: `Position: permanent`.
    """
    if title is None:
        return False
    is_company = company is not None and name_of(heading_of(heading) or heading) == company.value.casefold()
    return is_company or (title.line < line and not title.is_doubtful)


def _end_of_head(lines: Sequence[str], top: int) -> int:
    """Where the first paragraph below the title begins: what follows it tells of other things."""
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    begins = max(top, first) + 1
    return next((number for number in range(begins, len(lines)) if is_prose(lines[number])), len(lines))


def _top_heading(lines: Sequence[str]) -> int | None:
    """The first heading of the first level that may be a title."""
    for number, line in enumerate(lines):
        below = lines[number + 1].strip() if number + 1 < len(lines) else ""
        is_top = line.startswith("# ") or (len(below) > 2 and not below.strip("="))
        if is_top and _may_be_title(plain(heading_of(line) or line)):
            return number
    return None


def _first_line(lines: Sequence[str], *, looks_like_posting: bool) -> int | None:
    """The first line, if it may be the title."""
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return None
    line = lines[first].strip()
    candidate = plain(heading_of(line) or line)
    if not _may_be_title(candidate) or candidate[-1] in ".!?:;," or BULLET.match(line) or labels_in([line]):
        return None
    stands_out = heading_of(line) is not None or AT.search(candidate) is not None
    return first if stands_out or looks_like_posting else None


def _may_be_title(candidate: str) -> bool:
    return (
        0 < len(candidate) <= MAX_TITLE_CHARS
        and any(character.isalpha() for character in candidate)
        and name_of(candidate) not in NO_TITLES
    )


def _company_below(lines: Sequence[str]) -> str | None:
    """The bold words that begin the first line below the title: `**Company** · Place`."""
    line = next((line.strip() for line in lines if line.strip(" =\t")), "")
    lead = _BOLD_LEAD.match(line)
    company = "" if lead is None else plain(lead[1])
    return company if 0 < len(company) <= MAX_TITLE_CHARS and not company.endswith(":") else None


def _requirements(lines: Sequence[str]) -> Iterator[str]:
    """The list items below the headings that announce requirements; a wrapped item is one."""
    items: list[list[str]] = []
    inside = open_item = False
    for line in lines:
        stripped = line.strip()
        heading = heading_of(stripped)
        bullet = BULLET.match(stripped)
        if heading is not None:
            inside, open_item = name_of(heading) in REQUIREMENT_HEADINGS, False
        elif not inside:
            continue
        elif bullet is not None:
            items.append([stripped[bullet.end() :]])
            open_item = True
        elif stripped and open_item:
            items[-1].append(stripped)
        else:
            open_item = False
        if len(items) > MAX_REQUIREMENTS:
            break
    for item in items[:MAX_REQUIREMENTS]:
        requirement = plain(" ".join(item)[:_MAX_LINE_CHARS])[:MAX_REQUIREMENT_CHARS].rstrip()
        if requirement:
            yield requirement
