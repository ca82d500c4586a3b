"""Judging a candidate, the way a model would: which lines of the CV speak of what the posting asks for."""

from __future__ import annotations

from pipeline.demo.pain_points import statements
from pipeline.demo.prompts import numbered, tagged, words

_BASE_SCORE = 35
_SCORE_PER_LINE = 6
_HIGHEST_SCORE = 95
_REASONS = 4
_GAPS = 2
_SHARED_WORDS = 2


def judge(prompt: str) -> dict[str, object]:
    posting = tagged(prompt, "posting")
    asked = words(posting)
    lines = numbered(tagged(prompt, "cv"))
    telling = {number: line for number, line in lines.items() if line.startswith("- ")} or lines
    ranked = sorted(telling, key=lambda number: (-len(words(telling[number]) & asked), number))
    fitting = [number for number in ranked if len(words(telling[number]) & asked) >= _SHARED_WORDS]
    reasons = [
        {"text": f"The CV shows it: {telling[number].removeprefix('- ')}", "cv_lines": [number]}
        for number in ranked[: max(2, min(_REASONS, len(fitting)))]
    ]
    has = words("\n".join(lines.values()))
    unmet = [text for text in statements(posting) if not words(text) & has]
    return {
        "score": min(_HIGHEST_SCORE, _BASE_SCORE + _SCORE_PER_LINE * len(fitting)),
        "reasons": reasons,
        "gaps": [f"The CV does not speak of this: {text}" for text in unmet[:_GAPS]],
    }
