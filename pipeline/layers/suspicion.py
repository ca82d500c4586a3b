"""Postings that try to instruct the model that reads them.

No list of words stops whoever means it: that a posting gets nothing out of a prompt rests on its being marked
as data, on the prompt holding no secret, and on the checks of what comes back. But who writes so blatantly is
not looking for a colleague, and each layer would cost money.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Final

from pipeline.layers.layout import BULLET, heading_of

_HIDDEN: Final = r"(?:system prompt|api[ _-]?keys?|environment variables?|env vars?)"
# Whole things: `password-protected`, `prompt reply` and `tokens of appreciation` are others.
_ENDS: Final = (
    r"(?![\w-])(?=\s*(?:$|[^\w\s]|(?:again|and|as|at|below|before|exactly|first|here|if|in|inside|instead|into|line"
    r"|now|once|or|please|then|twice|verbatim|when|with|within|word|you)\b"
    r"|to (?:https?|me|the user|this|us)\b))"
)
_OWN: Final = (
    r"(?:access|actual|api|auth|complete|confidential|current|developer|entire|exact|first|full|hidden|initial"
    r"|internal|original|own|previous|prior|private|secret|session|system|underlying|very|whole)"
)
# "You show teams how to rotate API keys" is a duty; an instruction says what to show.
_TELL: Final = (
    r"\b(?:reveal|print|output|repeat|show|send|leak|include|return|tell)\b(?:(?!\bhow\b)[^.!?;]){0,40}?"
)
_ANSWER: Final = r"(?:answer|application|cv|email|letter|message|output|reply|response|summary|text)"
_FORGET: Final = (
    r"\b(?:ignore|disregard|forget|override)\s+(?:(?:about|all|and|any|both|completely|each|every|everything|in|just"
    r"|my|of|our|please|that|the|these|this|those|to|totally|your)\s+){0,6}?"
)
_EARLIER: Final = r"(?:above|earlier|preceding|previous|prior|system)"
_BETWEEN: Final = (
    rf"(?:(?:{_EARLIER}|{_OWN}|and|content|given|model|of|or|other|safety|security|the|user|your)\s+){{0,3}}?"
)
_INSTRUCTIONS: Final = re.compile(
    rf"{_FORGET}(?:(?:{_EARLIER}|all|any|your)\s+{_BETWEEN}(?:instructions?|prompts?|directions|directives)"
    # "Forget all the rules" is a slogan.
    rf"|(?:{_EARLIER}|your)\s+(?:(?:{_EARLIER}|{_OWN}|and|or)\s+){{0,2}}?rules"
    rf"|(?:instructions?|prompts?|rules) (?:\w+ ){{0,2}}?(?:above|before this|so far))\b"
    rf"|{_TELL}\byour (?:{_OWN} ){{0,2}}(?:{_HIDDEN}|instructions|secrets|passwords?|tokens?|prompt){_ENDS}"
    rf"|{_TELL}\bthe (?:above|previous) (?:{_OWN} )?(?:{_HIDDEN}|instructions|prompt){_ENDS}"
    rf"|{_TELL}\bthe (?:entire|full|whole) (?:{_HIDDEN}|(?:{_OWN} )?prompt|{_OWN} instructions){_ENDS}"
    rf"|{_TELL}\b{_HIDDEN}\b[^.!?;]{{0,40}}?"
    rf"\b(?:you (?:were|are|have been) (?:given|told|using)|in your (?:\w+ )?{_ANSWER}|above)\b"
    rf"|\b(?:reveal|repeat|output|leak) (?:(?:us|me) )?the {_HIDDEN}{_ENDS}",
    re.IGNORECASE,
)
_NOT_TO_THE_READER: Final = re.compile(
    # "We will never ask you to send us your passwords."
    r"(?:(?:\b(?:cannot|neither|never|no one|nobody|none|nor|not|without)\b|n[’']t\b)"
    r"(?:(?!\b(?:and|but|instead|just|so|then)\b)[^.!?;:,()]){0,60}"
    # "Applications that ignore the above instructions", "before attackers leak the API keys"
    r"|\b(?:after|because|before|could|how|if|it|may|might|she|that|they|unless|we|when|where|whether|which|while|who"
    r"|whoever|whose)(?:[’'](?:ll|ve|re|d))?\s+(?:(?!you\b)\w+\s+){0,2}"
    r"|\b(?:able|attempts?|forced|made|tries|tricked into|used|ways?)\s+to\s+)\Z",
    re.IGNORECASE,
)
_MAX_CHARS_BEFORE: Final = 120
_MAX_LINE_CHARS: Final = 2_000


def suspicious_line(text: str) -> int | None:
    """The number of the first line that gives instructions to a model, from 1; None where there is none."""
    before = ""
    lines = [line[:_MAX_LINE_CHARS] for line in text.splitlines()]
    for number, (line, below) in enumerate(zip_longest(lines, lines[1:], fillvalue=""), start=1):
        if _instructs("" if _begins_anew(line) else before, line, "" if _begins_anew(below) else below):
            return number
        before = "" if heading_of(line) is not None else line
    return None


def _instructs(before: str, line: str, below: str) -> bool:
    """Whether an instruction begins in the line: its sentence may have begun before, and go on below."""
    before, line, below = (" ".join(part.split()) for part in (before, line, below))
    text = f"{before} {line} {below}"
    begin = len(before) + 1
    end = begin + len(line)
    found = _INSTRUCTIONS.search(text, begin)
    while found is not None and found.start() < end:
        if not _NOT_TO_THE_READER.search(text, max(0, found.start() - _MAX_CHARS_BEFORE), found.start()):
            return True
        found = _INSTRUCTIONS.search(text, found.start() + 1)
    return False


def _begins_anew(line: str) -> bool:
    stripped = line.strip()
    return not stripped or heading_of(stripped) is not None or BULLET.match(stripped) is not None
