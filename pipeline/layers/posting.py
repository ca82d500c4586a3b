"""A posting: what is found in it by its layout."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from pipeline.jobs import JobError

UNKNOWN_COMPANY: Final = "unknown"
MAX_TITLE_CHARS: Final = 160
MAX_TEXT_CHARS: Final = 24_000
"""Many times the longest posting one would read."""
MAX_REQUIREMENTS: Final = 100
MAX_REQUIREMENT_CHARS: Final = 500
# Beyond these a posting has no layout that tells anything; and this runs in the event loop.
_MAX_LINES: Final = 2_000
_MAX_LINE_CHARS: Final = 2_000

_TITLE_LABELS: Final = frozenset({"position", "job title", "title", "role"})
_COMPANY_LABELS: Final = frozenset({"company", "company name", "employer", "organisation", "organization"})
_REQUIREMENT_HEADINGS: Final = frozenset(
    f"{which}{what}"
    for which in ("", "job ", "key ", "basic ", "minimum ", "preferred ", "required ", "your ")
    for what in ("requirements", "qualifications", "skills", "profile", "experience")
) | {
    "about you",
    "must have",
    "must haves",
    "what we are looking for",
    "what we look for",
    "what we're looking for",
    "what you bring",
    "what you'll bring",
    "what you will bring",
    "what you need",
    "who you are",
    "you bring",
    "you have",
}
_NO_TITLES: Final = _REQUIREMENT_HEADINGS | {
    "about us",
    "about the company",
    "about the job",
    "about the role",
    "job description",
    "job posting",
    "introduction",
    "overview",
    "responsibilities",
}

_HEADING = re.compile(r"#{1,6}\s+(.+)\Z")
_BOLD_LINE = re.compile(r"(\*\*|__)([^*_]+)\1:?\Z")
_BULLET = re.compile(r"(?:[-*+•‣▪◦–·]|\d{1,3}[.)])\s+")
_LABELLED = re.compile(r"(?:[-*+•]\s+)?([A-Za-z][A-Za-z ]{1,20})\s*:\s*(\S.*)\Z")
_BOLD_LEAD = re.compile(r"\*\*([^*]+)\*\*\s*(?:[·|,–—-].*)?\Z")
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
_AT = re.compile(r"\s+(?:at|@)\s+", re.IGNORECASE)
_MARKS = str.maketrans("", "", "*`\\")


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


def parse_posting(text: str) -> Posting:
    """Find title, company and requirements by the posting's layout, in less than a tenth of a second.

    Raises:
        IntakeError: no title can be found.
    """
    lines = [line[:_MAX_LINE_CHARS].rstrip() for line in text.splitlines()[:_MAX_LINES]]
    labels = _labels(lines)
    requirements = tuple(_requirements(lines))
    named = next((labels[label] for label in sorted(_TITLE_LABELS) if label in labels), None)
    labelled_company = next((labels[label] for label in sorted(_COMPANY_LABELS) if label in labels), None)
    looks_like_posting = bool(requirements) or labelled_company is not None
    found = None
    if named is None:
        found = _title_line(lines, looks_like_posting=looks_like_posting)
        if found is None:
            raise IntakeError(
                "no title found; begin the posting with a line '# Title at Company' or 'Position: Title'"
            )
        named = _plain(_heading(lines[found]) or lines[found])
    title, company = _split(named)
    if labelled_company is not None:
        company = labelled_company
    elif company is None and found is not None:
        company = _company_below(lines[found + 1 :])
    return Posting(
        title=title,
        company=company or UNKNOWN_COMPANY,
        requirements=requirements,
        text=text[:MAX_TEXT_CHARS].strip(),
    )


def _labels(lines: Sequence[str]) -> dict[str, str]:
    """`Label: value` lines, the first of each label; the mark-up round the label does not matter."""
    found: dict[str, str] = {}
    for line in lines:
        labelled = _LABELLED.match(line.replace("*", "").replace("__", "").strip())
        if labelled is not None:
            label, value = labelled[1].strip().casefold(), _plain(labelled[2])
            if label in _TITLE_LABELS | _COMPANY_LABELS and 0 < len(value) <= MAX_TITLE_CHARS:
                found.setdefault(label, value)
    return found


def _title_line(lines: Sequence[str], *, looks_like_posting: bool) -> int | None:
    """The line that holds the title: a heading of the first level, else the first line if it may be one."""
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return None
    for number, line in enumerate(lines):
        below = lines[number + 1].strip() if number + 1 < len(lines) else ""
        is_top = line.startswith("# ") or (len(below) > 2 and not below.strip("="))
        if is_top and _may_be_title(_plain(_heading(line) or line)):
            return number
    line = lines[first].strip()
    candidate = _plain(_heading(line) or line)
    if not _may_be_title(candidate) or candidate[-1] in ".!?:;," or _BULLET.match(line):
        return None
    stands_out = _heading(line) is not None or _AT.search(candidate) is not None
    return first if stands_out or looks_like_posting else None


def _may_be_title(candidate: str) -> bool:
    return (
        0 < len(candidate) <= MAX_TITLE_CHARS
        and any(character.isalpha() for character in candidate)
        and _name_of(candidate) not in _NO_TITLES
    )


def _split(named: str) -> tuple[str, str | None]:
    """`Title at Company`, split at the last `at`."""
    *_, last = [None, *_AT.finditer(named)]
    if last is None:
        return named, None
    title, company = named[: last.start()], named[last.end() :]
    return (title, company) if title and company else (named, None)


def _company_below(lines: Sequence[str]) -> str | None:
    """The bold words that begin the first line below the title: `**Company** · Place`."""
    line = next((line.strip() for line in lines if line.strip(" =\t")), "")
    lead = _BOLD_LEAD.match(line)
    company = "" if lead is None else _plain(lead[1])
    return company if 0 < len(company) <= MAX_TITLE_CHARS and not company.endswith(":") else None


def _requirements(lines: Sequence[str]) -> Iterator[str]:
    """The list items below the headings that announce requirements; a wrapped item is one."""
    items: list[list[str]] = []
    inside = open_item = False
    for line in lines:
        stripped = line.strip()
        heading = _heading(stripped)
        bullet = _BULLET.match(stripped)
        if heading is not None:
            inside, open_item = _name_of(heading) in _REQUIREMENT_HEADINGS, False
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
        plain = _plain(" ".join(item)[:_MAX_LINE_CHARS])[:MAX_REQUIREMENT_CHARS].rstrip()
        if plain:
            yield plain


def _heading(line: str) -> str | None:
    """The text of a heading: `## Text`, `**Text**`, a short line that ends in a colon, a known name."""
    stripped = line.strip()
    for pattern, group in ((_HEADING, 1), (_BOLD_LINE, 2)):
        found = pattern.match(stripped)
        if found is not None:
            return found[group].rstrip("# \t")
    if _BULLET.match(stripped):
        return None
    if stripped.endswith(":") and len(stripped) <= 60:
        return stripped
    return stripped if len(stripped) <= 60 and _name_of(stripped) in _REQUIREMENT_HEADINGS else None


def _name_of(heading: str) -> str:
    """A heading as it is compared: without mark-up, remarks in brackets, a final colon, and case."""
    before_remark, _, _ = heading.partition("(")
    return _plain(before_remark).strip(" :!").replace("’", "'").casefold()


def _plain(text: str) -> str:
    """Without inline mark-up and characters that steer a terminal, in one line."""
    spaced = "".join(character if character.isprintable() else " " for character in _LINK.sub(r"\1", text))
    return " ".join(spaced.translate(_MARKS).split())
