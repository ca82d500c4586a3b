"""Reading a job posting the way a model would: which sentences tell of trouble, needs, risks, goals."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.demo.prompts import plain

_OPENING_TAG = re.compile(r"<\w*posting>", re.IGNORECASE)
# Lines of a prompt that speak to the model and not about the job.
_INSTRUCTION = re.compile(
    r"\bJSON\b|pain[_ ]points?|strategic_needs|success_metrics|^\s*[\[{}\]`]", re.IGNORECASE
)
_BULLET = re.compile(r"^\s*(?:[-*•–+]|\d+[.)])\s+")
_HEADING = re.compile(r"^\s*#+\s|^[^.!?]{1,60}:\s*$|^\s*\*\*[^*]+\*\*:?\s*$")
# Headings over what says nothing about the company's troubles.
_ASIDE = re.compile(
    r"require|nice to have|you (?:bring|get)|profile|qualification|offer|benefit|apply|interested",
    re.IGNORECASE,
)
_LABELLED = re.compile(
    r"^\s*(?:company|position|title|location|contract|reference|salary)\s*:| · ", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'“])")
_MIN_WORDS = 5
_MAX_CHARACTERS = 240
# Several times the longest posting; what comes after it is not read.
_MAX_POSTING_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Section:
    """One list of the answer.

    Attributes:
        key: Its key in the answer.
        cues: Words that tell that a sentence belongs here; more of them, sooner taken.
        fewest: Filled up to this many with `unsaid`.
        most: No more than this.
        unsaid: What can be said of any posting, however short.
        takes_any: Other sentences come before `unsaid`, so that no two postings get the same list.
    """

    key: str
    cues: re.Pattern[str]
    fewest: int
    most: int
    unsaid: tuple[str, ...]
    takes_any: bool = False


def _cues(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})", re.IGNORECASE)


SECTIONS: tuple[Section, ...] = (
    Section(
        "pain_points",
        _cues(
            "struggl|slow|manual|by hand|outage|backlog|legacy|fail|broke|delay|late\\b|lost|lose|"
            "losing|cannot|too (?:long|many|much|often)|bottleneck|fragile|brittle|expensive|"
            "incident|overnight|complain|spreadsheet|duplicate|inconsisten|missing|"
            "nobody (?:has|notice|know)|no one|workaround|outgrown|ageing|aging|hard to|difficult|"
            "error|waste|rework|silo|churn|firefight|unreliable|scatter|not kept up|penalt"
        ),
        fewest=5,
        most=10,
        unsaid=(
            "The posting does not say what goes wrong today",
            "It is unclear who owns the present process",
            "The reason why the role is open is not given",
            "Nothing is said of the tools in use and their limits",
            "The team's size and workload stay open",
        ),
        takes_any=True,
    ),
    Section(
        "strategic_needs",
        _cues(
            "build|lead|own (?:the|our)|design|grow|scal|expand|introduc|migrat|replac|moderni|establish|"
            "strateg|roadmap|automat|develop|create|shape|consolidat|drive"
        ),
        fewest=3,
        most=6,
        unsaid=(
            "Someone who takes the work over quickly",
            "A plan for the first months in the role",
            "A clear owner for the results",
        ),
    ),
    Section(
        "risks",
        _cues(
            "risk|regulat|audit|complian|deadline|secur|penalt|fine\\b|fines\\b|recall|safety|depend|"
            "unless|contract|leav|retire|outage|incident|breach|expire|licen[cs]e|only one|single"
        ),
        fewest=3,
        most=6,
        unsaid=(
            "Expectations that the posting leaves unspoken",
            "Knowledge that leaves with people before it is handed over",
            "Work that grows faster than the team",
        ),
    ),
    Section(
        "success_metrics",
        _cues(
            "\\d ?%|percent|within|cut\\b|rises|reduc|increas|improv|faster|halv|double|target|"
            "measur|metric|on time|first year|by the end|rate\\b|accura|uptime|days on average|satisf"
        ),
        fewest=3,
        most=6,
        unsaid=(
            "The tasks named in the posting are done after six months",
            "The team needs less time for its routine work",
            "Colleagues and customers report fewer problems",
        ),
    ),
)


def posting_in(prompt: str) -> str:
    """The posting inside a prompt: the last `<job_posting>…</job_posting>`, or any tag that ends so.

    Without such a tag, the whole prompt but for the lines that give instructions.
    """
    opening_tags = list(_OPENING_TAG.finditer(prompt))
    if opening_tags:
        opening_tag = opening_tags[-1]
        inside, _, _ = prompt[opening_tag.end() :].partition(opening_tag[0].replace("<", "</"))
        return inside[:_MAX_POSTING_CHARACTERS]
    lines = (line for line in prompt.splitlines() if not _INSTRUCTION.search(line))
    return "\n".join(lines)[:_MAX_POSTING_CHARACTERS]


def statements(posting: str) -> list[str]:
    """The posting's sentences and list items in their order, each once, without headings and markup.

    Left out, too: what the candidate should bring and what the company offers.
    """
    paragraphs: list[str] = []
    open_paragraph = aside = False
    for line in posting.splitlines():
        if _HEADING.search(line):
            aside = _ASIDE.search(line) is not None
        if not line.strip() or aside or _HEADING.search(line) or _LABELLED.search(line):
            open_paragraph = False
        elif open_paragraph and not _BULLET.match(line):
            paragraphs[-1] += f" {line}"
        else:
            paragraphs.append(_BULLET.sub("", line))
            open_paragraph = True
    found: dict[str, None] = {}
    for paragraph in paragraphs:
        for sentence in _SENTENCE_END.split(plain(paragraph)):
            if len(sentence.split()) >= _MIN_WORDS:
                found[_shortened(sentence.rstrip(" .;"))] = None
    return list(found)


def _shortened(sentence: str) -> str:
    if len(sentence) <= _MAX_CHARACTERS:
        return sentence
    return sentence[:_MAX_CHARACTERS].rsplit(" ", 1)[0] + "…"


def analyse(posting: str) -> dict[str, list[str]]:
    """The answer's lists, made of the posting's own sentences; none is ever shorter than promised."""
    sentences = statements(posting)
    return {section.key: _choose(section, sentences) for section in SECTIONS}


def _choose(section: Section, sentences: list[str]) -> list[str]:
    scores = {sentence: len(section.cues.findall(sentence)) for sentence in sentences}
    # Sorting is stable: of equals, the posting's order decides.
    ranked = sorted(sentences, key=lambda sentence: -scores[sentence])
    telling = [sentence for sentence in ranked if scores[sentence]]
    fill = section.takes_any and len(telling) < section.fewest
    chosen = set(ranked[: section.fewest] if fill else telling[: section.most])
    lines = [sentence for sentence in sentences if sentence in chosen]
    return lines + list(section.unsaid[: max(0, section.fewest - len(lines))])
