"""Whether a text rests on the candidate's CV: what a program can check, it checks.

A claim must cite lines that exist, share words with them, and bring in no number, name, degree or rank that
they lack. That catches the employer, the degree, the rank or the figure that a model makes up; it does not
weigh what a sentence means, and an invented name gets by that begins a sentence and could be a word of
English: `Target`, `Boeing`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pipeline.layers.candidate import Candidate
from pipeline.layers.facts import facts_of, names_in, plain_words_of
from pipeline.layers.vocabulary import DEGREES, LESSER_AFTER, LESSER_BEFORE, RANK_MODIFIERS, RANKS

_MAX_SHOWN: Final = 5
_WORD_BEFORE: Final = re.compile(r"(\w+)\.?[ -]\Z")
_WORD_AFTER: Final = re.compile(r"[ -](\w+)")
_YEARS_OF: Final = r"\b(?:years|decades?)(?:['’](?!s)|\s+of\b)"
_SAYS_OF_OTHERS: Final = "read|see|saw|hear|heard|know|learnt|learned|noticed|understand|believe|think"
_PAST: Final = re.compile(
    r"\bI(?:['’]ve|\s+have)\s+(?!read\b|seen\b|attached\b|enclosed\b|followed\b|a question\b)"
    r"|\bI\s+(?:had|was|led|built|managed|worked|ran|wrote|designed|founded|studied|earned|graduated)\b"
    r"|\bI\s+(?:also\s+|\w+ly\s+)?(?:bring|offer|hold)\b(?!\s+to\b)"
    r"|\b[Mm]y\s+(?:\w+\s+)?(?:experience|career|background|expertise|degree|track record)\b"
    r"|\b[Aa]s\s+(?:an?\s+|the\s+|your\s+)?(?:former|previous|ex)\b"
    rf"|\b(?:I\b(?!\s+(?:{_SAYS_OF_OTHERS})\b)|[Mm]y\b|[Mm]e\b)[^.!?]{{0,200}}{_YEARS_OF}"
    rf"|\b[Ww]ith\b[^.!?]{{0,60}}{_YEARS_OF}[^.!?]{{0,200}}\b(?:I|my|me)\b"
    rf"|{_YEARS_OF}\s+(?:[\w-]+\s+){{0,3}}experience\b"
)
_RANK: Final = re.compile(
    r"(?:(?<!\bwell )(?<!\bsoon )(?<!\bsuch )(?<!\bfar )(?<!\blong )(?<!\bmuch )(?<!\bsame )\bas"
    r"|\bI\s+(?:was|am|became))\s+(?:(?:an?|the|its|their|our)\s+)?"
    rf"((?:(?:{'|'.join(sorted(RANK_MODIFIERS))})[\s-]+){{0,4}}(?:{'|'.join(sorted(RANKS))}))\b",
    re.IGNORECASE,
)


def missing_lines(cv_lines: Sequence[int], candidate: Candidate) -> list[str]:
    """Cited lines that the CV does not have."""
    return [f"line {number} is no line of the CV" for number in cv_lines if number not in candidate.lines]


def ungrounded_claim(
    text: str,
    cv_lines: Sequence[int],
    candidate: Candidate,
    *,
    known_names: str = "",
    plain_words: frozenset[str] | None = None,
) -> list[str]:
    """What is wrong with a claim about the candidate.

    `known_names` are those that any text may hold; `plain_words`, the CV's own by default, are no names
    though a sentence begins with them.
    """
    if not cv_lines:
        return ["it cites no line of the CV"]
    missing = missing_lines(cv_lines, candidate)
    if missing:
        return missing
    cited = candidate.cited(cv_lines)
    if plain_words is None:
        plain_words = plain_words_of(candidate.numbered())
    problems = foreign(text, cited, names=known_names, plain_words=plain_words)
    if not facts_of(text).stems & facts_of(cited).stems:
        problems.append("it shares no word with the lines that it cites")
    return problems


def uncopied(text: str, cv_lines: Sequence[int], candidate: Candidate) -> list[str]:
    """What is wrong with a text that should be copied from the lines that it cites."""
    if not cv_lines:
        return ["it cites no line of the CV"]
    missing = missing_lines(cv_lines, candidate)
    if missing:
        return missing
    source = _flat(candidate.cited(cv_lines))
    found = re.finditer(rf"(?<!\w){re.escape(_flat(text))}(?!\w)", source)
    if not any(_is_whole(source[: at.start()], source[at.end() :]) for at in found):
        return ["it is not copied from the line that it cites"]
    return []


def foreign(
    text: str, source: str, *, names: str = "", plain_words: frozenset[str] = frozenset()
) -> list[str]:
    """The numbers, names, degrees and ranks in the text that its source lacks; one problem for each kind.

    `names` has more names that the text may hold; `plain_words` are none where a sentence begins with them.
    """
    said, known = facts_of(text), facts_of(source)
    kinds = (
        ("numbers", said.numbers - known.numbers),
        ("names", names_in(text, plain_words=plain_words) - known.parts - facts_of(names).parts),
        ("degrees", (said.words & DEGREES) - known.words),
        ("ranks", _ranks_in(text) - known.words - facts_of(names).words if said.words & RANKS else set()),
    )
    return [
        f"{kind} that the source does not have: {', '.join(sorted(found)[:_MAX_SHOWN])}"
        for kind, found in kinds
        if found
    ]


def _ranks_in(text: str) -> set[str]:
    """What somebody is called: `as vice president`, `I was head of`."""
    return {word for found in _RANK.findall(text) for word in re.split(r"[\s-]+", found.casefold())}


def uncited_past(text: str) -> list[str]:
    """What is wrong with a text that cites nothing: it may not tell what the candidate did or was."""
    return ["it tells of the candidate's past; say that in a claim"] if _PAST.search(text) else []


def shares_words(text: str, other: str, *, least: int) -> bool:
    """Whether so many words of substance stand in both; all of `other`'s, where it has fewer."""
    wanted = facts_of(other).stems
    return len(facts_of(text).stems & wanted) >= min(least, len(wanted))


def _is_whole(before: str, after: str) -> bool:
    """Whether no word beside it makes less of it, as in `Assistant Manager`."""
    word_before, word_after = _WORD_BEFORE.search(before), _WORD_AFTER.match(after)
    return not (
        (word_before is not None and word_before[1] in LESSER_BEFORE)
        or (word_after is not None and word_after[1] in LESSER_AFTER)
    )


def _flat(text: str) -> str:
    return " ".join(text.casefold().split())
