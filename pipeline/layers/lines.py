"""Texts that others wrote, made fit for one line: of a terminal, a list, a document."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints

UNKNOWN_LINE: Final = "unknown"


def whole_characters(text: str) -> str:
    """With a question mark for each half of a character: JSON may hold one, and nothing that is sent can."""
    return text.encode("utf-8", "replace").decode()


def one_line(text: str) -> str:
    """Without line breaks and characters that steer a terminal."""
    spaced = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(spaced.split())


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("it has no character that can be shown")
    return text


Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000),
    AfterValidator(one_line),
    AfterValidator(_not_empty),
]
"""One printable line, which has at least one character."""

OptionalLine = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=1_000), AfterValidator(one_line)
]
"""One printable line, or nothing."""
