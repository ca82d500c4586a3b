"""What a line of a posting is by its layout: a heading, a `Label: value`, prose."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MAX_TITLE_CHARS: Final = 160
_WORDS_OF_PROSE: Final = 8
_WORDS_OF_SENTENCE: Final = 3
TITLE_LABELS: Final = frozenset({"position", "job title", "title", "role"})
COMPANY_LABELS: Final = frozenset({"company", "company name", "employer", "organisation", "organization"})
REQUIREMENT_HEADINGS: Final = frozenset(
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

_HEADING = re.compile(r"#{1,6}\s+(.+)\Z")
_BOLD_LINE = re.compile(r"(\*\*|__)([^*_]+)\1:?\Z")
BULLET = re.compile(r"(?:[-*+•‣▪◦–·]|\d{1,3}[.)])\s+")
_LABELLED = re.compile(r"(?:[-*+•]\s+)?([A-Za-z][A-Za-z ]{1,20})\s*:\s*(\S.*)\Z")
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")
_WORD = re.compile(r"[^\W\d_]+")
_MARKS = str.maketrans("", "", "*`\\")


@dataclass(frozen=True, slots=True)
class Label:
    """The value of a `Label: value` line, and the line's number."""

    line: int
    value: str

    @property
    def is_doubtful(self) -> bool:
        """Whether it gives way to what the layout tells: `Role: hybrid`, `Employer: equal opportunity`."""
        return self.value[0].islower()


def labels_in(lines: Sequence[str]) -> dict[str, Label]:
    """`Label: value` lines, the first of each label; the mark-up round the label does not matter."""
    found: dict[str, Label] = {}
    for number, line in enumerate(lines):
        labelled = _labelled(line)
        if labelled is not None:
            label, value = labelled[1].strip().casefold(), plain(labelled[2])
            if label in TITLE_LABELS | COMPANY_LABELS and 0 < len(value) <= MAX_TITLE_CHARS:
                found.setdefault(label, Label(number, value))
    return found


def _labelled(line: str) -> re.Match[str] | None:
    return _LABELLED.match(line.replace("*", "").replace("__", "").strip())


def first_of(labels: Mapping[str, Label], names: Collection[str]) -> Label | None:
    """Of several labels that mean the same: one without doubt, if there is one."""
    known = [labels[name] for name in sorted(names) if name in labels]
    return next((label for label in known if not label.is_doubtful), known[0] if known else None)


def is_prose(line: str) -> bool:
    stripped = line.strip()
    if heading_of(stripped) is not None or _labelled(stripped) is not None:
        return False
    words = len(_WORD.findall(stripped))
    return words >= _WORDS_OF_PROSE or (words >= _WORDS_OF_SENTENCE and stripped[-1] in ".!?")


def heading_of(line: str) -> str | None:
    """The text of a heading: `## Text`, `**Text**`, a short line that ends in a colon, a known name."""
    stripped = line.strip()
    for pattern, group in ((_HEADING, 1), (_BOLD_LINE, 2)):
        found = pattern.match(stripped)
        if found is not None:
            return found[group].rstrip("# \t")
    if BULLET.match(stripped):
        return None
    if stripped.endswith(":") and len(stripped) <= 60:
        return stripped
    return stripped if len(stripped) <= 60 and name_of(stripped) in REQUIREMENT_HEADINGS else None


def name_of(heading: str) -> str:
    """A heading as it is compared: without mark-up, remarks in brackets, a final colon, and case."""
    before_remark, _, _ = heading.partition("(")
    return plain(before_remark).strip(" :!").replace("’", "'").casefold()


def plain(text: str) -> str:
    """Without inline mark-up and characters that steer a terminal, in one line."""
    spaced = "".join(character if character.isprintable() else " " for character in _LINK.sub(r"\1", text))
    return " ".join(spaced.translate(_MARKS).split())
