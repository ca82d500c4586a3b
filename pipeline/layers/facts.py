"""What a text says that can be compared: its numbers, names and words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pipeline.layers.vocabulary import NO_NAMES, NUMBER_WORDS

# Not the digits of a name, as in B2B or S3.
_NUMBER: Final = re.compile(r"(?<![^\W\d_])\d(?:[\d.,'’\u00a0\u2009\u202f]*\d)?")
_WORD: Final = re.compile(r"[^\W_]+(?:[-'’.&+#/][^\W_]+)*[+#]*")
_SENTENCE_END: Final = re.compile(r"[.!?:;][\"'”’)]?\s*[\"'“‘(]?$")
_STEM_CHARS: Final = 5
_CONTENT_CHARS: Final = 4


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one text.

    Attributes:
        numbers: In digits, without separators: `400,000` and `400 000` are one number, `two` is 2.
        words: In small letters; `well-known` is three of them.
        stems: The beginnings of the words of substance, so that forms of one word are one.
        parts: Of words, as names are made of them: `PostgreSQL-based` has two.
    """

    numbers: frozenset[str]
    words: frozenset[str]
    stems: frozenset[str]
    parts: frozenset[str]


# A posting and the lines of a CV are compared with sentence after sentence.
@lru_cache(maxsize=256)
def facts_of(text: str) -> Facts:
    words: set[str] = set()
    parts: set[str] = set()
    for word in _WORD.findall(text):
        small = word.casefold()
        words.add(small)
        if small.isalnum():
            parts.add(small)
        else:
            words.update(re.split(r"[-/]", small))
            parts.update(_split(small))
    digits = {re.sub(r"[^\d.]", "", found.replace(",", "")).strip(".") for found in _NUMBER.findall(text)}
    return Facts(
        numbers=frozenset(digits | {NUMBER_WORDS[word] for word in words if word in NUMBER_WORDS}),
        words=frozenset(words),
        stems=frozenset(
            word[:_STEM_CHARS] for word in words if len(word) >= _CONTENT_CHARS and not word.isdigit()
        ),
        parts=frozenset(parts),
    )


def names_in(text: str) -> set[str]:
    """What looks like a name: a capital letter inside a sentence, or one inside a word anywhere."""
    return set(_names(text))


def _names(text: str) -> Iterable[str]:
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


def _parts(word: str) -> list[str]:
    """`PostgreSQL-based` names what `PostgreSQL` names; so does `PostgreSQL's`."""
    return [part.casefold() for part in _split(word) if not part.islower() and not part.isdigit()]


def _split(word: str) -> list[str]:
    return [part for part in re.split(r"[-/’']", word) if len(part) > 1]
