from __future__ import annotations

import sys
import time
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.jobs import MAX_POSTING_BYTES
from pipeline.layers.posting import MAX_REQUIREMENTS, MAX_TITLE_CHARS, IntakeError, Posting, parse_posting

EXAMPLES = Path(__file__).parents[3] / "examples" / "postings"


@pytest.mark.parametrize(
    ("text", "title", "company"),
    [
        ("# Cook at Old Inn", "Cook", "Old Inn"),
        ("# Cook @ Old Inn #", "Cook", "Old Inn"),
        ("# Head of Data at Scale at Acme", "Head of Data at Scale", "Acme"),
        ("# **Cook** at [Old Inn](https://inn.example)", "Cook", "Old Inn"),
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


LAYOUT = st.sampled_from(
    [
        "# ",
        "#",
        "**",
        "Company: ",
        "Position: ",
        "Requirements:",
        "- ",
        "1. ",
        "\n",
        "===",
        " at ",
        "[a](",
        "\x1b",
    ]
)


@settings(max_examples=150)
@given(st.one_of(st.text(), st.lists(st.one_of(LAYOUT, st.text(max_size=8)), max_size=40).map("".join)))
def test_any_text_is_a_posting_or_an_intake_error(text: str) -> None:
    started = time.process_time()
    try:
        posting = parse_posting(text)
    except IntakeError:
        return
    finally:
        # The processor's time, which a busy machine does not stretch.
        assert time.process_time() - started < 0.2
    assert isinstance(posting, Posting)
    for found in (posting.title, posting.company, *posting.requirements):
        assert found
        assert found.isprintable()
        assert found == found.strip()


@pytest.mark.parametrize(
    "piece", ["# ", "[", "[a](", "a at ", "*", "- x\n", "Company:", "  \n", "# a\n", "=\n"]
)
def test_largest_posting_of_any_shape_does_not_hold_up_the_others(piece: str) -> None:
    text = ("# Cook\nRequirements:\n" + piece * MAX_POSTING_BYTES)[:MAX_POSTING_BYTES]
    looked_at = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal looked_at
        looked_at += event == "c_call"

    sys.setprofile(count)
    started = time.process_time()
    try:
        parse_posting(text)
    finally:
        sys.setprofile(None)
    # A pattern that backtracks without end is one step that takes for ever.
    assert time.process_time() - started < 0.5
    # Only so many lines are looked at, however long the posting is.
    assert looked_at < 100_000
