"""What a program finds wrong with a model's answer, each by an answer that breaks one rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.demo.generation import write_application
from pipeline.layers import generation, opportunity, people, research
from pipeline.layers.candidate import Candidate
from pipeline.layers.documents import curriculum_vitae
from pipeline.layers.generation import Application
from pipeline.layers.paper import Kind
from pipeline.layers.posting import Posting
from pipeline.layers.web import Page

CV = Candidate.parse((Path(__file__).parents[3] / "examples" / "cv.md").read_text())
PAIN_POINTS = ("The kitchen burns down every night.", "Guests wait for an hour.")
POSTING = Posting(
    title="Cook", company="Old Inn", requirements=(), text="Cook at Old Inn. Write to Ada Byron. 40 seats."
)
PAGES = (Page(url="https://a.example", title="Bo Holm - Chef - Old Inn", description="Leads\nthe kitchen"),)

Change = Callable[[dict[str, Any]], None]


def written() -> dict[str, Any]:
    """An application that nothing is wrong with."""
    data = {
        "role": POSTING.summary,
        "posting": POSTING.text,
        "pain_points": "\n".join(f"{place}. {text}" for place, text in enumerate(PAIN_POINTS, start=1)),
        "research": "",
        "cv": CV.numbered(),
    }
    return write_application(generation._QUESTION.prompt(data))


def problems(application: dict[str, Any], posting: Posting = POSTING) -> list[str]:
    checker = generation._Checker(CV, posting, PAIN_POINTS, "Old Inn was founded by Eve Kale in 1999.")
    return list(checker.problems(Application.model_validate(application)))


def put(*path: str | int, value: object) -> Change:
    def change(application: dict[str, Any]) -> None:
        *way, last = path
        place: Any = application
        for key in way:
            place = place[key]
        place[last] = value

    return change


LATE_EVENTS = next(number for number, line in CV.lines.items() if line.startswith("- Cut late events"))
INVENTED = {"text": "I cut late events at Google.", "cv_lines": [LATE_EVENTS]}
NOT_COPIED = "it is not copied from the line that it cites"


def test_nothing_is_wrong_with_what_rests_on_the_cv() -> None:
    assert problems(written()) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            put("cv", "summary", 0, value=INVENTED),
            "cv.summary.0: names that the source does not have: google",
        ),
        (put("cv", "experience", 1, "role", value="Head of Kitchen"), f"cv.experience.1.role: {NOT_COPIED}"),
        (put("cv", "experience", 0, "employer", value="Google"), f"cv.experience.0.employer: {NOT_COPIED}"),
        (put("cv", "experience", 0, "period", value="2009–2025"), f"cv.experience.0.period: {NOT_COPIED}"),
        (
            put("cv", "experience", 0, "achievements", 0, value=INVENTED),
            "cv.experience.0.achievements.0: names that the source does not have: google",
        ),
        (put("cv", "education", 0, "text", value="PhD Cookery"), f"cv.education.0: {NOT_COPIED}"),
        (put("cv", "skills", 0, "text", value="Cookery"), f"cv.skills.0: {NOT_COPIED}"),
        (
            put("cover_letter", "claims", 1, value=INVENTED),
            "cover_letter.claims.1: names that the source does not have: google",
        ),
        (
            put("outreach", "claims", 0, value=INVENTED),
            "outreach.claims.0: names that the source does not have: google",
        ),
        (put("cover_letter", "pain_point", value=3), "cover_letter.pain_point: 3 is none of 1 to 2"),
        (
            put("cover_letter", "opening", value="Old Inn needs a cook."),
            "cover_letter.opening: it does not name pain point",
        ),
        (
            put("outreach", "opening", value="I read your posting."),
            "outreach.opening: it does not name the company",
        ),
        (
            put("outreach", "opening", value="Old Inn and Google need a cook."),
            "outreach.opening: names that the source does not have: google",
        ),
        (
            put("cover_letter", "closing", value="I have led kitchens."),
            "cover_letter.closing: it tells of the candidate's past; say that in a claim",
        ),
        (
            put("cover_letter", "closing", value="I would bring 77 knives."),
            "cover_letter.closing: numbers that the source does not have: 77",
        ),
        (
            put("outreach", "subject", value="The best cook of Paris"),
            "outreach.subject: names that the source does not have: paris",
        ),
    ],
)
def test_an_application_that_breaks_one_rule_is_refused_by_that_rule(change: Change, problem: str) -> None:
    application = written()
    change(application)
    assert [found[: len(problem)] for found in problems(application)] == [problem]


def test_what_the_cv_does_not_tell_is_left_out() -> None:
    application = written()
    put("cv", "experience", 0, "period", value="")(application)
    put("cv", "experience", 1, "employer", value="")(application)
    assert problems(application) == []
    headings = [
        block.text
        for block in curriculum_vitae(Application.model_validate(application), CV).blocks
        if block.kind is Kind.SUBHEADING
    ]
    assert headings[:2] == ["Lead Engineer, Fjordfrakt Logistics", "Operations Data Manager (2014–2019)"]


def test_who_has_no_position_yet_has_a_cv_without_that_section() -> None:
    application = written()
    put("cv", "experience", value=[])(application)
    assert problems(application) == []
    paper = curriculum_vitae(Application.model_validate(application), CV)
    assert "Experience" not in [block.text for block in paper.blocks]


def test_what_is_known_of_the_company_may_be_said_of_the_company_alone() -> None:
    application = written()
    put("outreach", "opening", value="Eve Kale built Old Inn for 40 guests.")(application)
    assert problems(application) == []
    put("outreach", "claims", 0, value=INVENTED | {"text": "I cut late events with Eve Kale."})(application)
    (problem,) = problems(application)
    assert problem.startswith("outreach.claims.0: names that the source does not have: eve, kale")


@pytest.mark.parametrize(
    ("name", "source", "problem"),
    [
        ("Ada Byron", 0, None),
        ("Bo Holm", 1, None),
        ("bo holm", 1, "contacts.0.name: source 1 names nobody so"),
        ("Bo Hol", 1, "contacts.0.name: source 1 names nobody so"),
        ("Ada Byron", 1, "contacts.0.name: source 1 names nobody so"),
        ("Eve Kale", 0, "contacts.0.name: source 0 names nobody so"),
        ("Bo Holm", 2, "contacts.0.source: 2 is no source; 0 to 1 are"),
        ("Bo Holm", -1, "contacts.0.source: -1 is no source; 0 to 1 are"),
        # They are there, so that the model can mend nothing; they are left out.
        ("Holm", 1, None),
        ("Old Inn", 0, None),
        ("Write to", 0, None),
        # What a reader does not see.
        ("Zoe\u0308 Kim", 2, None),
        ("Conan O'Brien", 2, None),
        ("Eve Kale", 2, None),
        ("Jo Ray", 2, None),
    ],
)
def test_a_contact_is_one_whom_its_source_names(name: str, source: int, problem: str | None) -> None:
    answer = people._Answer.model_validate({"contacts": [{"name": name, "role": "Chef", "source": source}]})
    marked = "Zo\u00eb Kim, Conan O’Brien, **Eve** Kale,\n[Jo Ray](https://a.example)"
    pages = PAGES if problem else (*PAGES, Page(url="https://b.example", title="Staff", description=marked))
    assert people._unnamed(answer, POSTING, pages) == ([] if problem is None else [problem])


@pytest.mark.parametrize(
    "contact",
    [
        *({"name": name, "role": "Chef", "source": 0} for name in (None, "", " ", "\u200b", 7, "x" * 81)),
        *({"role": "Chef", "source": 0}, {"name": "Ada Byron", "role": "Chef"}, "Ada Byron", None),
        {"name": "Ada Byron", "role": None, "source": 0},
        {"name": "Ada Byron", "role": "Chef", "source": "the posting"},
    ],
    ids=str,
)
def test_a_contact_that_cannot_be_read_is_a_problem_and_hides_no_other(contact: object) -> None:
    good = {"name": "Ada Byron", "role": "Chef", "source": 0}
    answer = people._Answer.model_validate({"contacts": [contact, good]})
    assert [problem.partition(":")[0] for problem in people._unnamed(answer, POSTING, PAGES)] == [
        "contacts.0.name"
    ]
    assert answer.contacts[1] is not None


@pytest.mark.parametrize(("source", "is_one"), [(1, True), (2, True), (0, False), (3, False), (-1, False)])
def test_a_finding_has_a_source(source: int, is_one: bool) -> None:
    answer = research._Answer.model_validate(
        {"company": "c", "role": "r", "findings": [{"text": "t", "source": source}]}
    )
    assert (research._without_source(answer, 2) == []) is is_one


def test_a_reason_rests_on_lines_that_the_cv_has() -> None:
    reasons = [{"text": "t", "cv_lines": [LATE_EVENTS]}, {"text": "t", "cv_lines": [LATE_EVENTS, 99]}]
    answer = opportunity._Answer.model_validate({"score": 1, "reasons": reasons, "gaps": []})
    assert opportunity._without_line(answer, CV) == ["reasons.1: line 99 is no line of the CV"]
