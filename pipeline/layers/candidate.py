"""The candidate's CV, by lines that an answer can cite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from pipeline.layers.lines import one_line


@dataclass(frozen=True, slots=True)
class Candidate:
    """A CV's parts.

    Attributes:
        name: The heading of the first level; empty where there is none.
        contact: What stands between that heading and the first section; no model is shown it.
        lines: The sections, by the line's number in the file; without empty lines.
    """

    name: str
    contact: tuple[str, ...]
    lines: Mapping[int, str]

    @classmethod
    def parse(cls, markdown: str) -> Self:
        """Any text is a CV: what has no sections is all body."""
        numbered = {
            number: line
            for number, text in enumerate(markdown.splitlines(), start=1)
            if (line := one_line(text))
        }
        title = next((number for number, line in numbered.items() if line.startswith("# ")), None)
        sections = next((number for number, line in numbered.items() if line.startswith("## ")), None)
        if title is None or (sections is not None and sections < title):
            return cls("", (), numbered)
        name = numbered[title].removeprefix("# ")
        begin = title + 1 if sections is None else sections
        contact = tuple(line for number, line in numbered.items() if title < number < begin)
        return cls(name, contact, {number: line for number, line in numbered.items() if number >= begin})

    def numbered(self) -> str:
        """For a prompt: `12| text`, line by line."""
        return "\n".join(f"{number}| {line}" for number, line in self.lines.items())

    def cited(self, numbers: Iterable[int]) -> str:
        """The text of those lines; a number that no line has gives nothing."""
        return "\n".join(self.lines[number] for number in numbers if number in self.lines)

    @property
    def text(self) -> str:
        return "\n".join(self.lines.values())
