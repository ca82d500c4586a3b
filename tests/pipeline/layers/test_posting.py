from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.layers.layout import MAX_TITLE_CHARS
from pipeline.layers.posting import MAX_REQUIREMENTS, IntakeError, parse_posting

EXAMPLES = Path(__file__).parents[3] / "examples" / "postings"


@pytest.mark.parametrize(
    ("text", "title", "company"),
    [
        ("# Cook at Old Inn", "Cook", "Old Inn"),
        ("# Cook @ Old Inn #", "Cook", "Old Inn"),
        ("# Head of Data at Scale at Acme", "Head of Data at Scale", "Acme"),
        ("# **Cook** at [Old Inn](https://inn.example)", "Cook", "Old Inn"),
        ("# Cook at adidas", "Cook", "adidas"),
        ("# Cook at the Old Inn", "Cook", "the Old Inn"),
        ("# Work at home Cook\n\nCompany: Old Inn", "Work at home Cook", "Old Inn"),
        ("# Cook wanted at once", "Cook wanted at once", "unknown"),
        ("# Work at Old Inn", "Work at Old Inn", "unknown"),
        ("# Cook\n\nCompany: Old Inn", "Cook", "Old Inn"),
        ("# Cook\n**Company:** Old Inn", "Cook", "Old Inn"),
        ("# Cook\n**Company**: Old Inn", "Cook", "Old Inn"),
        ("# Cook\n- Employer: Old Inn", "Cook", "Old Inn"),
        ("# Cook\n\n**Old Inn** · Hove, on site", "Cook", "Old Inn"),
        ("# Cook\n\n**Your tasks:**", "Cook", "unknown"),
        ("# Cook\n\nWe are an old inn.", "Cook", "unknown"),
        ("Cook at Old Inn\n===============\n", "Cook", "Old Inn"),
        ("Company: Old Inn\nPosition: Cook", "Cook", "Old Inn"),
        ("---\ntitle: Cook\ncompany: Old Inn\n---\nText", "Cook", "Old Inn"),
        ("Cook at Old Inn\n\nWe need help.", "Cook", "Old Inn"),
        ("**Cook at Old Inn**", "Cook", "Old Inn"),
        ("Cook\nCompany: Old Inn", "Cook", "Old Inn"),
        ("Cook\n\nRequirements\n- Knives", "Cook", "unknown"),
        ("## About the role\n# Cook at Old Inn", "Cook", "Old Inn"),
        ("# Job description\nPosition: Cook", "Cook", "unknown"),
        ("# Cook\x1b[2J at\tOld   Inn", "Cook [2J", "Old Inn"),
    ],
)
def test_title_and_company_are_found_in_common_layouts(text: str, title: str, company: str) -> None:
    posting = parse_posting(text)
    assert (posting.title, posting.company) == (title, company)


PROSE = "We move parcels, and every evening they arrive too late."


@pytest.mark.parametrize(
    ("text", "title", "company"),
    [
        (f"# Cook at Old Inn\n\n{PROSE}\n\nPosition: permanent, full time", "Cook", "Old Inn"),
        (f"# Cook at Old Inn\n\n{PROSE}\n\n- Role: hybrid\n- Employer: equal opportunity", "Cook", "Old Inn"),
        (f"Cook at Old Inn\n\n{PROSE}\n\nRole: Hybrid\nEmployer: Equal opportunity", "Cook", "Old Inn"),
        ("# Cook at Old Inn\nPosition: Permanent", "Cook", "Old Inn"),
        ("# Cook at Old Inn\nPosition: permanent\nEmployer: equal opportunity", "Cook", "Old Inn"),
        ("Cook at Old Inn\nRole: hybrid", "Cook", "Old Inn"),
        ("# Old Inn\nPosition: Cook\nCompany: Old Inn", "Cook", "Old Inn"),
        ("Position: Cook at Old Inn\n# Who we feed", "Cook", "Old Inn"),
        ("# Careers\nPosition: Cook\nCompany: Old Inn", "Cook", "Old Inn"),
        ("title: cook\ncompany: adidas", "cook", "adidas"),
        # Where nothing else says it, it may be said anywhere.
        (f"{PROSE}\n\n{PROSE}\n\nJob title: Cook\nCompany: Old Inn", "Cook", "Old Inn"),
        (f"Cook\n\n{PROSE}\n\nCompany: Old Inn", "Cook", "Old Inn"),
        (f"# Cook\n\n{PROSE}\n\nEmployer: Equal opportunity\nCompany: permanent", "Cook", "unknown"),
        (f"{PROSE}\n# Cook\n\n| Hove |\nCompany: Old Inn", "Cook", "Old Inn"),
    ],
)
def test_what_is_said_further_down_is_neither_title_nor_company(text: str, title: str, company: str) -> None:
    posting = parse_posting(text)
    assert (posting.title, posting.company) == (title, company)


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "We need somebody who can cook, at once.",
        "# Requirements\n- Knives",
        "- Cook at Old Inn",
        "# \n\n# ---",
        "# " + "x" * (MAX_TITLE_CHARS + 1),
        "\n\n",
    ],
)
def test_posting_without_a_title_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(IntakeError, match="no title found; begin the posting with"):
        parse_posting(text)


@pytest.mark.parametrize(
    "heading",
    [
        "## Requirements",
        "### Requirements (must have) ###",
        "**Requirements**",
        "**Requirements:**",
        "Requirements:",
        "REQUIREMENTS",
        "Requirements\n------------",
        "## What you bring",
        "What you’ll bring:",
        "## Minimum qualifications",
        "Your profile:",
    ],
)
@pytest.mark.parametrize("mark", ["-", "*", "•", "1.", "2)"])
def test_requirements_are_the_list_below_their_heading(heading: str, mark: str) -> None:
    text = f"# Cook\n\n{heading}\n\n{mark} Sharp **knives**\n{mark} Calm\n\n## We offer\n\n{mark} Soup\n"
    assert parse_posting(text).requirements == ("Sharp knives", "Calm")


def test_wrapped_item_is_one_requirement() -> None:
    text = "# Cook\nWhat you bring:\n- Years in a\n  kitchen\n\nNot an item\n- Calm"
    assert parse_posting(text).requirements == ("Years in a kitchen", "Calm")


def test_requirements_are_bounded() -> None:
    text = "# Cook\n## Requirements\n" + "- knife\n" * (MAX_REQUIREMENTS + 5) + "- x" * 5_000
    assert len(parse_posting(text).requirements) == MAX_REQUIREMENTS


@pytest.mark.parametrize(
    ("file", "expected", "requirements"),
    [
        (
            "backend-engineer-parcel-network.md",
            ("Senior Backend Engineer, Parcel Tracking", "Nordlink Parcel"),
            5,
        ),
        ("clinical-data-manager.txt", ("Clinical Data Manager", "Halden Biometrics"), 5),
        ("energy-operations-lead.md", ("Senior Operations Lead", "Solterra Gemeinschaft"), 5),
    ],
)
def test_example_postings_are_understood(file: str, expected: tuple[str, str], requirements: int) -> None:
    posting = parse_posting((EXAMPLES / file).read_text())
    assert (posting.title, posting.company) == expected
    assert len(posting.requirements) == requirements
