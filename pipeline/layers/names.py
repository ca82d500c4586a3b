"""What looks like a name, a person's or a company's; what names begin with begins other things, too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pipeline.layers.vocabulary import NO_NAMES, OPENERS

_FEWEST_WORDS_OF_NAME: Final = 2
# fmt: off
_PARTICLES: Final = frozenset({
    "'t", "aan", "af", "al", "ap", "av", "ben", "bin", "bint", "binti", "da", "dal", "dalla", "das", "de",
    "degli", "dei", "del", "della", "den", "der", "des", "di", "do", "dos", "du", "e", "el", "ibn", "la",
    "las", "le", "lo", "los", "op", "te", "ten", "ter", "und", "van", "vom", "von", "y", "zu", "zum", "zur",
})
_PERSONS_TOO: Final = frozenset({
    "an", "dr", "english", "even", "friday", "he", "in", "just", "monday", "mr", "mrs", "ms", "my", "no",
    "ok", "or", "she", "so", "sunday", "than", "then", "to", "yet", "you",
})
"""Of what is no name by itself: An Nguyen, He Xiaopeng, My Linh Tran, Or Levi, Even Berg, Sunday Okafor."""

_PRONOUNS: Final = frozenset({"he", "she", "you"})
_VERBS: Final = frozenset({"are", "can", "do", "has", "have", "is", "may", "must", "should", "will", "would"})
"""Behind a pronoun; elsewhere some are a name: Emre Can."""

_ENDS_NO_NAME: Final = frozenset({
    "acquisition", "department", "jobs", "manager", "now", "recruiter", "recruiting", "resources", "role",
    "team", "today", "us",
})
_BEFORE_NO_COMPANY: Final = frozenset({
    "he", "how", "i", "if", "it", "its", "our", "she", "that", "their", "there", "these", "they", "this",
    "those", "we", "what", "when", "where", "which", "who", "whose", "why", "you", "your",
})
_NO_COMPANY_ALONE: Final = NO_NAMES | OPENERS | frozenset({
    "active", "actively", "agencies", "anywhere", "bulk", "campus", "careers", "currently", "direct",
    "employers", "firms", "freshers", "height", "heights", "heart", "home", "hospitals", "hotels",
    "immediate", "immediately", "mass", "night", "remote", "restaurants", "scale", "school", "sea", "someone",
    "urgent", "urgently", "walk-in",
})
"""A name only if it goes on like one: The Old Inn, Just Eat, All Saints, Direct Line."""

_SEVERAL_COMPANIES: Final = frozenset({
    "companies", "employers", "jobs", "positions", "startups", "vacancies",
})
# fmt: on
_INITIAL: Final = re.compile(r"[^\W\d_]\.")
_PARTS: Final = re.compile(r"[-’']")


def is_persons_name(text: str, *, unlike: Sequence[str] = ()) -> bool:
    """Whether it looks like one: two words or more, each with a capital letter, and no `We` or `Your` first.

    A particle has none, as in `Ludwig van Beethoven`, and a script without capitals needs none. `unlike` are
    names that it must not be. A name of one word is not known from any other word.
    """
    words = text.replace("’", "'").split()
    named = [word for word in words if word not in _PARTICLES]
    return (
        len(named) >= _FEWEST_WORDS_OF_NAME
        and all(_is_capital(word) for word in named)
        and _may_begin_name(words[0])
        and _small(words[-1]) not in _ENDS_NO_NAME
        and not (_small(words[0]) in _PRONOUNS and _small(words[1]) in _VERBS)
        and text.casefold() not in {other.casefold() for other in unlike}
    )


def may_be_company(text: str) -> bool:
    """Whether it looks like a company's name, and not like the middle of a sentence: `home`, `We are`, `Now`.

    One that is written small, as `adidas`, is not known from other words.
    """
    words = text.split()
    if not words or not {":", "|"}.isdisjoint(text) or not _begins_with_capital(words[0]):
        return False
    first, *further = words
    if _first_part(first) in _BEFORE_NO_COMPANY or _small(words[-1]) in _SEVERAL_COMPANIES:
        return False
    if not {_small(first), _first_part(first)} & _NO_COMPANY_ALONE:
        return True
    # As in `The Bank of Hove`; a mark alone, as `&`, is no word.
    large = [word for word in further if word not in NO_NAMES and any(map(str.isalnum, word))]
    return not {*map(_small, large)} <= _NO_COMPANY_ALONE and all(map(_begins_with_capital, large))


def begins_small(text: str) -> bool:
    """Whether it begins with a word that begins no name, written small: `home`, `our`; not `the Old Inn`."""
    first, *_ = [*text.split(), ""]
    return first != "the" and first.islower() and _small(first).strip(":;") in _NO_COMPANY_ALONE


def _is_capital(word: str) -> bool:
    """Of the first two letters, as in d'Arcy, O'Brien and al-Farsi; a script without capitals is large."""
    particle, _, rest = word.partition("-")
    letters = [letter for letter in (rest if particle in _PARTICLES else word) if letter.isalpha()]
    return any(letter == letter.title() for letter in letters[:2])


def _may_begin_name(word: str) -> bool:
    return _INITIAL.fullmatch(word) is not None or _first_part(word) not in NO_NAMES - _PERSONS_TOO


def _begins_with_capital(word: str) -> bool:
    """Or with a digit, or a small letter before a capital, as in eBay."""
    letters = [character for character in word if character.isalnum()]
    return any(character == character.title() for character in letters[:2])


def _small(word: str) -> str:
    return word.casefold().strip(".,!?")


def _first_part(word: str) -> str:
    """`we` of `We're` and `We-`."""
    return _PARTS.split(_small(word))[0]
