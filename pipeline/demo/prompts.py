"""Reading a prompt: the data in it stands between tags."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MIN_WORD_CHARACTERS = 5
_NUMBERED = re.compile(r"^(\d+)(?:\||\.)\s*(.*)$", re.MULTILINE)
_SOURCE = re.compile(r"^\[(\d+)\] (.*)\n(\S+)\n(.*)$", re.MULTILINE)
_MARKUP = re.compile(r"[*_`#]+|\[([^\[\]]*)\]\([^()]*\)")
# Several times the longest text; what comes after it is not read.
_MAX_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Source:
    """One page that a search found, as a prompt shows it."""

    number: int
    title: str
    url: str
    text: str


def tagged(prompt: str, name: str) -> str:
    """What stands between `<name>` and `</name>`; empty where the prompt has no such tags."""
    _, opening, rest = prompt.partition(f"<{name}>\n")
    inside, closing, _ = rest.partition(f"\n</{name}>")
    return inside[:_MAX_CHARACTERS] if opening and closing else ""


def numbered(text: str) -> dict[int, str]:
    """Lines that begin with a number, as `12| text` or `3. text`."""
    return {int(number): line.strip() for number, line in _NUMBERED.findall(text)}


def sources(text: str) -> list[Source]:
    """The pages in a list of sources."""
    return [Source(int(number), title, url, about) for number, title, url, about in _SOURCE.findall(text)]


def role_and_company(prompt: str) -> tuple[str, str]:
    """What the prompt is about."""
    fields = dict(line.partition(": ")[::2] for line in tagged(prompt, "role").splitlines())
    return fields.get("Role", "the role"), fields.get("Company", "the company")


def plain(text: str) -> str:
    """Without markup, in one line."""
    return " ".join(_MARKUP.sub(r"\1", text).split())


def words(text: str) -> set[str]:
    """The words of substance, shortened so that forms of one word are one."""
    return {
        word[:_MIN_WORD_CHARACTERS].lower()
        for word in re.findall(r"[^\W\d_]+", text)
        if len(word) >= _MIN_WORD_CHARACTERS
    }
