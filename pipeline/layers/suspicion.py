"""Postings that try to instruct the model that reads them.

No list of words stops whoever means it: that a posting gets nothing out of a prompt rests on its being marked
as data, on the prompt holding no secret, and on the checks of what comes back. But who writes so blatantly is
not looking for a colleague, and each layer would cost money.
"""

from __future__ import annotations

import re
from typing import Final

_HIDDEN: Final = r"(?:system prompt|api[ _-]?keys?|environment variables?|env vars?)"
# "You show teams how to rotate API keys" is a duty; an instruction says what to show.
_TELL: Final = r"\b(?:reveal|print|output|repeat|show|send|leak|include|return|tell)\b(?:(?!\bhow\b).){0,40}"
_INSTRUCTIONS: Final = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,30}\b(?:previous|prior|above|earlier|preceding|system|all)\b"
    r".{0,20}\b(?:instructions?|prompts?|rules|directions)\b"
    rf"|{_TELL}\byour (?:\w+ ){{0,2}}(?:{_HIDDEN}|instructions|secrets?|passwords?|tokens?|prompt)\b"
    rf"|{_TELL}\bthe (?:above|previous|entire|full|whole) (?:\w+ )?(?:{_HIDDEN}|instructions|prompt)\b"
    rf"|{_TELL}\b{_HIDDEN}\b.{{0,40}}\b(?:you (?:were|are|have been) (?:given|told|using)|in your|above)\b"
    rf"|\b(?:reveal|repeat|output|leak) (?:(?:us|me) )?the {_HIDDEN}\b",
    re.IGNORECASE,
)
_MAX_LINE_CHARS: Final = 2_000


def suspicious_line(text: str) -> int | None:
    """The number of the first line that gives instructions to a model, from 1; None where there is none."""
    for number, line in enumerate(text.splitlines(), start=1):
        if _INSTRUCTIONS.search(line[:_MAX_LINE_CHARS]):
            return number
    return None
