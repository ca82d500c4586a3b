"""What a text says that can be compared: its numbers, names and words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pipeline.layers.numbers import numbers_in
from pipeline.layers.vocabulary import NO_NAMES, NUMBER_WORDS, OPENERS, SCALES

_WORD: Final = re.compile(r"[^\W_]+(?:[-'’.&+#/][^\W_]+)*[+#]*")
_SENTENCE_END: Final = re.compile(r"[.!?:;][\"'”’)]?\s*[\"'“‘(]?$")
_OPENERS: Final = frozenset({*OPENERS, *NO_NAMES, *NUMBER_WORDS, *SCALES})
_NO_NAMES_ENDING: Final = re.compile(r"[a-z]{2,}(?:ed|ing|ly|tion|ment|ness|ility)")
_STEM_CHARS: Final = 5
_SMALL_STEM: Final = re.compile(rf"(?<!\w)[a-zß-öø-ÿ]{{2,{_STEM_CHARS}}}")
_CONTENT_CHARS: Final = 4


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one text.

    Attributes:
        numbers: As `numbers_in` writes them.
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
    return Facts(
        numbers=numbers_in(text),
        words=frozenset(words),
        stems=frozenset(
            word[:_STEM_CHARS] for word in words if len(word) >= _CONTENT_CHARS and not word.isdigit()
        ),
        parts=frozenset(parts),
    )


@lru_cache(maxsize=256)
def plain_words_of(text: str) -> frozenset[str]:
    """The words that the text has in small letters, by their beginnings: no names."""
    return frozenset(_SMALL_STEM.findall(text))


def names_in(text: str, *, plain_words: Collection[str] = ()) -> set[str]:
    """What looks like a name: a word with a capital letter, or one inside a word.

    The first word of a sentence is one unless sentences begin so, or it is one of `plain_words`.
    """
    return set(_names(text, plain_words))


def _names(text: str, plain_words: Collection[str]) -> Iterable[str]:
    end = 0
    for found in _WORD.finditer(text):
        word = found[0]
        between = text[end : found.start()]
        begins = end == 0 or bool(_SENTENCE_END.search(between))
        end = found.end()
        if word.casefold() in NO_NAMES:
            continue
        inside = word[1:] != word[1:].lower()
        if inside or (word[0].isupper() and not (begins and _begins_sentences(word, plain_words))):
            yield from _parts(word)


def _begins_sentences(word: str, plain_words: Collection[str]) -> bool:
    small = word.casefold()
    return (
        small[:_STEM_CHARS] in plain_words
        or f"{small.removesuffix('ies')}y"[:_STEM_CHARS] in plain_words
        or small in _OPENERS
        or re.split(r"[-/’']", small, maxsplit=1)[0] in _OPENERS
        or _NO_NAMES_ENDING.fullmatch(small) is not None
    )


def _parts(word: str) -> list[str]:
    """`PostgreSQL-based` names what `PostgreSQL` names; so does `PostgreSQL's`."""
    return [part.casefold() for part in _split(word) if not part.islower() and not part.isdigit()]


def _split(word: str) -> list[str]:
    return [part for part in re.split(r"[-/’']", word) if len(part) > 1]
