from __future__ import annotations

import pytest

from pipeline.layers.candidate import Candidate
from pipeline.layers.facts import facts_of
from pipeline.layers.grounding import uncited_past, uncopied, ungrounded_claim

CV = Candidate.parse(
    """# Ada Byron
ada@example.org

## Experience

### Lead Engineer, Analytical Engines Ltd (2019–2024)

- Moved 38 depots to PostgreSQL in 2,400 steps, twenty of them at night
- Led a team of six

## Education

- MSc Mathematics, University of Bergen, 2010
"""
)
EMPLOYER, DEPOTS, TEAM, DEGREE = 6, 8, 9, 13


def test_contact_is_kept_from_the_lines_that_models_see() -> None:
    assert (CV.name, CV.contact) == ("Ada Byron", ("ada@example.org",))
    assert "ada@example.org" not in CV.numbered()
    assert f"{DEPOTS}| - Moved 38 depots" in CV.numbered()


def test_a_cv_without_sections_is_all_body() -> None:
    assert Candidate.parse("Cooked\n\nBaked").numbered() == "1| Cooked\n3| Baked"
    assert Candidate.parse("# Ada\nCooked").numbered() == "2| Cooked"
    assert Candidate.parse("").numbered() == ""


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("I moved 38 depots.", (DEPOTS,)),
        ("Moved 38 depots in 2 400 steps.".replace(" 4", "\u00a04"), (DEPOTS,)),
        ("At Analytical Engines Ltd I moved thirty-eight depots", (EMPLOYER, DEPOTS)),
        ("In 2.4k steps, twenty of them at night, the depots moved.", (DEPOTS,)),
        ("Engineers rely on it: depots moved to PostgreSQL.", (DEPOTS,)),
        ("Similarly, I moved depots. Migrating them took two thousand four hundred steps.", (DEPOTS,)),
        ("As lead engineer of Analytical Engines I moved depots.", (EMPLOYER, DEPOTS)),
        (
            "With engineers as well as managers, and as soon as the director agreed, I moved depots.",
            (DEPOTS,),
        ),
        ("Twenty steps of the move were made at night.", (DEPOTS,)),
        ("I led six people as a team.", (TEAM,)),
        ("My MSc is from the University of Bergen.", (DEGREE,)),
        ("My CV says it: the PostgreSQL-based depots were moved.", (DEPOTS,)),
        ('I moved depots, or as we said: "Depots move at night."', (DEPOTS,)),
        ("Since then I have moved depots for Analytical Engines.", (EMPLOYER, DEPOTS)),
    ],
)
def test_a_claim_in_the_cvs_own_facts_stands(text: str, lines: tuple[int, ...]) -> None:
    assert ungrounded_claim(text, lines, CV) == []


@pytest.mark.parametrize(
    ("text", "lines", "problem"),
    [
        ("I moved depots.", (), "it cites no line of the CV"),
        ("I moved depots.", (99,), "line 99 is no line of the CV"),
        ("I moved depots.", (1,), "line 1 is no line of the CV"),  # the name is no claim's ground
        ("I moved 40 depots.", (DEPOTS,), "numbers that the source does not have: 40"),
        ("I moved forty depots.", (DEPOTS,), "numbers that the source does not have: 40"),
        ("I moved 38 depots.", (TEAM,), "numbers that the source does not have: 38"),
        ("I moved 38k depots.", (DEPOTS,), "numbers that the source does not have: 38000"),
        ("I moved 38 m depots.", (DEPOTS,), "numbers that the source does not have: 38000000"),
        ("I moved €38bn depots.", (DEPOTS,), "numbers that the source does not have: 38000000000"),
        ("I moved 38 thousand depots.", (DEPOTS,), "numbers that the source does not have: 38000"),
        ("Google relied on me to move 38 depots.", (DEPOTS,), "names that the source does not have: google"),
        ("Amazon hired me to move depots.", (DEPOTS,), "names that the source does not have: amazon"),
        ("I moved 38 depots. Oracle paid for it.", (DEPOTS,), "names that the source does not have: oracle"),
        ("Siemens's depots were moved.", (DEPOTS,), "names that the source does not have: siemens"),
        (
            "I moved 38 depots as vice president.",
            (DEPOTS,),
            "ranks that the source does not have: president, vice",
        ),
        ("I was head of the depots.", (DEPOTS,), "ranks that the source does not have: head"),
        ("At Google I moved 38 depots.", (DEPOTS,), "names that the source does not have: google"),
        (
            "Google Maps was where I moved depots.",
            (DEPOTS,),
            "names that the source does not have: google, maps",
        ),
        ("I moved depots to MySQL.", (DEPOTS,), "names that the source does not have: mysql"),
        ("MySQL depots moved.", (DEPOTS,), "names that the source does not have: mysql"),
        ("I moved depots on S3-like stores.", (DEPOTS,), "names that the source does not have: s3"),
        (
            "As a certified engineer I moved depots.",
            (DEPOTS,),
            "degrees that the source does not have: certified",
        ),
        ("My phd is about depots.", (DEPOTS,), "degrees that the source does not have: phd"),
        ("I am punctual.", (DEPOTS,), "it shares no word with the lines that it cites"),
    ],
)
def test_a_claim_beyond_the_lines_that_it_cites_is_refused(
    text: str, lines: tuple[int, ...], problem: str
) -> None:
    assert problem in ungrounded_claim(text, lines, CV)


def test_names_of_the_company_may_stand_in_a_claim_but_not_its_numbers() -> None:
    assert ungrounded_claim("At Solterra I can move depots.", (DEPOTS,), CV, known_names="Solterra") == []
    assert ungrounded_claim("I moved 143 depots.", (DEPOTS,), CV, known_names="143 roofs") != []


@pytest.mark.parametrize(
    ("text", "lines", "problems"),
    [
        ("Analytical  engines Ltd", (EMPLOYER,), []),
        ("2019–2024", (EMPLOYER,), []),
        ("Analytical Engines Inc", (EMPLOYER,), ["it is not copied from the line that it cites"]),
        ("2019–2025", (EMPLOYER,), ["it is not copied from the line that it cites"]),
        ("PhD Mathematics", (DEGREE,), ["it is not copied from the line that it cites"]),
        ("Lead Engineer", (DEGREE,), ["it is not copied from the line that it cites"]),
        ("Lead Engineer", (), ["it cites no line of the CV"]),
        ("Lead Engineer", (77,), ["line 77 is no line of the CV"]),
    ],
)
def test_employers_periods_and_degrees_are_copied(
    text: str, lines: tuple[int, ...], problems: list[str]
) -> None:
    assert uncopied(text, lines, CV) == problems


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12 % to 1 %", {"12", "1"}),
        ("1,200 and 1.5", {"1200", "1.5"}),
        ("2019–2024", {"2019", "2024"}),
        ("one or Two dozen", {"24"}),
        ("thirty-eight of forty one", {"38", "41"}),
        ("two hundred and six thousand and five", {"206005"}),
        ("2.5 million, 2.5m, 2,500k and 2.5 mn", {"2500000"}),
        ("two three", {"2", "3"}),
        ("half a million or 1.2.3 million", {"1000000", "1.2.3"}),
        ("9" * 40 + "k", {"9" * 40}),
        ("hundred " * 3_000, {str(10**18), "1000000"}),
        ("none", set()),
        ("B2B on S3 in 24/7", {"24", "7"}),
    ],
)
def test_numbers_are_compared_without_separators(text: str, found: set[str]) -> None:
    assert facts_of(text).numbers == found


@pytest.mark.parametrize(
    "text",
    [
        "I have led teams all over the world.",
        "As I've shown before, I deliver.",
        "I was head of everything.",
        "With my long experience I am the one.",
        "I managed such a change.",
        "I bring ten years of experience.",
        "I also offer a calm hand.",
        "I hold two patents.",
        "As a former head of data I know that.",
        "With ten years of leading teams, I am the one.",
        "Ten years of hands-on experience make the difference.",
    ],
)
def test_a_text_that_cites_nothing_may_not_tell_of_the_candidates_past(text: str) -> None:
    assert uncited_past(text) == ["it tells of the candidate's past; say that in a claim"]


@pytest.mark.parametrize(
    "text",
    [
        "I am writing about the role, and I know that kind of work.",
        "I have read your posting, and I've attached my CV.",
        "I would like to hear what you have built so far.",
        "May I call you?",
        "I offer to show you how.",
        "I understand that one database holds live scans and years of history.",
        "With twenty years of parcels behind it, Nordlink knows that.",
    ],
)
def test_it_may_say_why_the_candidate_writes(text: str) -> None:
    assert uncited_past(text) == []
