"""Whether a text rests on the candidate's CV: what a program can check, it checks.

A claim must cite lines that exist, share words with them, and bring in no number, name or degree that they
lack. That catches the employer, the degree or the figure that a model makes up; it does not weigh what a
sentence means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from pipeline.layers.candidate import Candidate
from pipeline.layers.vocabulary import DEGREES, NO_NAMES, NUMBER_WORDS

# Not the digits of a name, as in B2B or S3.
_NUMBER: Final = re.compile(r"(?<![^\W\d_])\d(?:[\d.,'’\u00a0\u2009\u202f]*\d)?")
_WORD: Final = re.compile(r"[^\W_]+(?:[-'’.&+#/][^\W_]+)*[+#]*")
_SENTENCE_END: Final = re.compile(r"[.!?:;][\"'”’)]?\s*[\"'“‘(]?$")
_STEM_CHARS: Final = 5
_CONTENT_CHARS: Final = 4
_MAX_SHOWN: Final = 5


def missing_lines(cv_lines: Sequence[int], candidate: Candidate) -> list[str]:
    """Cited lines that the CV does not have."""
    return [f"line {number} is no line of the CV" for number in cv_lines if number not in candidate.lines]


def ungrounded_claim(
    text: str, cv_lines: Sequence[int], candidate: Candidate, *, known_names: str = ""
) -> list[str]:
    """What is wrong with a claim about the candidate; `known_names` are those that any text may hold."""
    if not cv_lines:
        return ["it cites no line of the CV"]
    missing = missing_lines(cv_lines, candidate)
    if missing:
        return missing
    cited = candidate.cited(cv_lines)
    problems = foreign(text, numbers_of=cited, names_of=f"{cited}\n{known_names}", degrees_of=cited)
    shared = _stems(text) & _stems(cited)
    if not shared:
        problems.append("it shares no word with the lines that it cites")
    return problems


def uncopied(text: str, cv_lines: Sequence[int], candidate: Candidate) -> list[str]:
    """What is wrong with a text that should be copied from the lines that it cites."""
    if not cv_lines:
        return ["it cites no line of the CV"]
    missing = missing_lines(cv_lines, candidate)
    if missing:
        return missing
    if _flat(text) not in _flat(candidate.cited(cv_lines)):
        return ["it is not copied from the line that it cites"]
    return []


def foreign(text: str, *, numbers_of: str, names_of: str, degrees_of: str) -> list[str]:
    """The numbers, names and degrees in the text that its sources lack; one problem for each kind."""
    kinds = (
        ("numbers", numbers(text) - numbers(numbers_of)),
        ("names", set(_names(text)) - _name_parts(names_of)),
        ("degrees", (_words(text) & DEGREES) - _words(degrees_of)),
    )
    return [
        f"{kind} that the source does not have: {', '.join(sorted(found)[:_MAX_SHOWN])}"
        for kind, found in kinds
        if found
    ]


def numbers(text: str) -> set[str]:
    """In digits, without separators: `400,000` and `400 000` are one number, `two` is 2."""
    digits = {re.sub(r"[^\d.]", "", found.replace(",", "")).strip(".") for found in _NUMBER.findall(text)}
    return digits | {NUMBER_WORDS[word] for word in _words(text) if word in NUMBER_WORDS}


def shares_words(text: str, other: str, *, least: int) -> bool:
    """Whether so many words of substance stand in both; all of `other`'s, where it has fewer."""
    wanted = _stems(other)
    return len(_stems(text) & wanted) >= min(least, len(wanted))


def _names(text: str) -> Iterable[str]:
    """What looks like a name: a capital letter inside a sentence, or one inside a word anywhere."""
    begins = True
    end = 0
    for found in _WORD.finditer(text):
        word = found[0]
        between = text[end : found.start()]
        begins = end == 0 or bool(_SENTENCE_END.search(between))
        end = found.end()
        if word.casefold() in NO_NAMES:
            continue
        inside = any(character.isupper() for character in word[1:])
        if inside or (word[0].isupper() and (not begins or _is_followed_by_capital(text, end))):
            yield from _parts(word)


def _is_followed_by_capital(text: str, end: int) -> bool:
    following = _WORD.match(text, end + 1)
    return following is not None and following[0][0].isupper() and following[0].casefold() not in NO_NAMES


def _name_parts(text: str) -> set[str]:
    return {part.casefold() for word in _WORD.findall(text) for part in _split(word)}


def _parts(word: str) -> list[str]:
    """`PostgreSQL-based` names what `PostgreSQL` names; so does `PostgreSQL's`."""
    return [part.casefold() for part in _split(word) if not part.islower() and not part.isdigit()]


def _split(word: str) -> list[str]:
    return [part for part in re.split(r"[-/’']", word) if len(part) > 1]


def _words(text: str) -> set[str]:
    return {part.casefold() for word in _WORD.findall(text) for part in (word, *re.split(r"[-/]", word))}


def _stems(text: str) -> set[str]:
    return {word[:_STEM_CHARS] for word in _words(text) if len(word) >= _CONTENT_CHARS and not word.isdigit()}


def _flat(text: str) -> str:
    return " ".join(text.casefold().split())
