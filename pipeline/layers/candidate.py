"""The candidate's CV, by lines that an answer can cite."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from pipeline.layers.markup import without_markup

_DIGEST_CHARS: Final = 16
_SECTION: Final = re.compile(r"##? ")
_RULE: Final = re.compile(r"([-*_=] ?){3,}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A CV's parts.

    Attributes:
        name: The heading of the first level; empty where there is none.
        contact: What stands between that heading and the first section; no model is shown it.
        lines: The sections, by the line's number in the file; without inline markup and empty lines.
    """

    name: str
    contact: tuple[str, ...]
    lines: Mapping[int, str]

    @classmethod
    def parse(cls, markdown: str) -> Self:
        """Any text is a CV: what has no sections is all body."""
        numbered = _numbered(markdown)
        title = next((number for number, line in numbered.items() if _SECTION.match(line)), None)
        if title is None or not numbered[title].startswith("# "):
            return cls("", (), numbered)
        sections = next(
            (number for number, line in numbered.items() if number > title and _SECTION.match(line)), None
        )
        name = numbered[title].removeprefix("# ")
        begin = title + 1 if sections is None else sections
        contact = tuple(line for number, line in numbered.items() if title < number < begin)
        return cls(name, contact, {number: line for number, line in numbered.items() if number >= begin})

    def numbered(self) -> str:
        """For a prompt: `12| text`, line by line."""
        return "\n".join(f"{number}| {line}" for number, line in self.lines.items())

    def digest(self) -> str:
        """The same for the same CV; another line, name or address makes another."""
        parts = (self.name, self.contact, sorted(self.lines.items()))
        return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]

    def cited(self, numbers: Iterable[int]) -> str:
        """The text of those lines; a number that no line has gives nothing."""
        return "\n".join(self.lines[number] for number in numbers if number in self.lines)


def _numbered(markdown: str) -> dict[int, str]:
    """The lines with words in them; a heading that is underlined as one that begins with `#`."""
    numbered: dict[int, str] = {}
    is_underlined = False
    for number, text in enumerate(markdown.splitlines(), start=1):
        line = without_markup(text)
        before = numbered.get(number - 1)
        if before is not None and set(line) == {"="}:
            numbered[number - 1], is_underlined = f"# {before}", True
        # Where headings are made otherwise, dashes are a rule that stands too close to what is above it.
        elif before is not None and is_underlined and set(line) == {"-"}:
            numbered[number - 1] = f"## {before}"
        elif line and not _RULE.fullmatch(line):
            numbered[number] = line
    return numbered
