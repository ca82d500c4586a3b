"""Writing an application, the way a careful model would: of the CV's own words, each line cited."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pipeline.demo.prompts import numbered, plain, role_and_company, tagged, words

_POSITION = re.compile(r"^### (.+), ([^,(]+) \((.+)\)$")
_MAX_POSITIONS = 8
_MAX_ACHIEVEMENTS = 4
_MAX_EDUCATION = 6
_MAX_SKILLS = 6
_CLAIMS_OF_LETTER = 3


@dataclass
class _Position:
    """A station of the CV: the number of its heading, and its bullets by number."""

    number: int
    role: str
    employer: str
    period: str
    bullets: dict[int, str] = field(default_factory=dict)


def write_application(prompt: str) -> dict[str, object]:
    role, company = role_and_company(prompt)
    pain_points = numbered(tagged(prompt, "pain_points"))
    positions, sections = _read_cv(numbered(tagged(prompt, "cv")))
    posting = tagged(prompt, "posting")
    asked = words(posting)
    told = [(position, number) for position in positions for number in position.bullets]
    told.sort(key=lambda entry: (-len(words(entry[0].bullets[entry[1]]) & asked), entry[1]))
    best = _claims(told[:_CLAIMS_OF_LETTER])
    summary = [
        {"text": text, "cv_lines": [number]} for number, text in sections.get("profile", {}).items()
    ] or best
    place, pain_point = _answered(pain_points, [position.bullets[number] for position, number in told])
    trouble = _trouble(pain_point, posting)
    return {
        "cv": {
            "summary": summary[:3],
            "experience": [_entry(position, asked) for position in positions[:_MAX_POSITIONS]],
            "education": _copied(sections.get("education", {}), _MAX_EDUCATION),
            "skills": _copied(sections.get("skills", {}), _MAX_SKILLS),
        },
        "cover_letter": {
            "pain_point": place,
            "opening": f"I am writing about the {role} at {company}.{trouble} I know that kind of work.",
            "claims": best,
            "closing": f"I would like to hear what {company} has tried so far, and what should come first.",
        },
        "outreach": {
            "subject": f"About the {role}",
            "opening": f"I read your posting for the {role} at {company}.{trouble}",
            "claims": best[:1],
            "closing": "May I call you this week for a quarter of an hour?",
        },
    }


def _read_cv(lines: dict[int, str]) -> tuple[list[_Position], dict[str, dict[int, str]]]:
    positions: list[_Position] = []
    sections: dict[str, dict[int, str]] = {}
    section = ""
    for number, line in lines.items():
        heading = _POSITION.match(line)
        if heading is not None:
            positions.append(_Position(number, heading[1], heading[2], heading[3]))
        elif line.startswith("## "):
            section = line.removeprefix("## ").lower()
        elif section == "experience" and positions and line.startswith("- "):
            positions[-1].bullets[number] = line.removeprefix("- ")
        else:
            sections.setdefault(section, {})[number] = line.removeprefix("- ")
    return [position for position in positions if position.bullets], sections


def _answered(pain_points: dict[int, str], told: list[str]) -> tuple[int, str]:
    """The pain point that the CV has most to say about; 0 where none is known."""
    if not pain_points:
        return 0, ""
    has = words("\n".join(told))
    place = max(pain_points, key=lambda number: (len(words(pain_points[number]) & has), -number))
    return place, pain_points[place].rstrip(" .")


def _trouble(pain_point: str, posting: str) -> str:
    """Quoted where the posting says so."""
    if not pain_point:
        return ""
    if plain(pain_point).rstrip("…") in plain(posting):
        return f' You write: "{pain_point}."'
    return f" One thing I would ask about: {pain_point[0].lower()}{pain_point[1:]}."


def _claims(told: list[tuple[_Position, int]]) -> list[dict[str, object]]:
    claims: list[dict[str, object]] = []
    before = None
    for position, number in told:
        bullet = position.bullets[number]
        where = "There" if position is before else f"At {position.employer}"
        text = f"{where} I {bullet[0].lower()}{bullet[1:]}."
        claims.append({"text": text, "cv_lines": [position.number, number]})
        before = position
    return claims


def _entry(position: _Position, asked: set[str]) -> dict[str, object]:
    ranked = sorted(
        position.bullets, key=lambda number: (-len(words(position.bullets[number]) & asked), number)
    )
    return {
        "role": position.role,
        "employer": position.employer,
        "period": position.period,
        "cv_lines": [position.number],
        "achievements": [
            {"text": position.bullets[number], "cv_lines": [number]} for number in ranked[:_MAX_ACHIEVEMENTS]
        ],
    }


def _copied(entries: dict[int, str], most: int) -> list[dict[str, object]]:
    return [{"text": text, "cv_lines": [number]} for number, text in list(entries.items())[:most]]
