"""Postings that nobody would write, and the longest there may be."""

from __future__ import annotations

import sys
import time
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.jobs import MAX_POSTING_BYTES
from pipeline.layers.names import begins_small, is_persons_name, may_be_company
from pipeline.layers.posting import IntakeError, Posting, parse_posting
from pipeline.layers.suspicion import suspicious_line
from pipeline.layers.titles import company_of_page, heading_of_page

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


WORDS = st.sampled_from(
    ["at", "hiring", "|", " - ", "We", "the", "Inn", "'t", "-", "is", "your", "ŉ", "\n", "."]
)
TEXTS = st.one_of(st.text(), st.lists(st.one_of(WORDS, st.text(max_size=3)), max_size=20).map(" ".join))


@settings(max_examples=150)
@given(TEXTS, TEXTS)
def test_any_text_is_a_name_a_page_title_and_an_instruction_or_none(text: str, other: str) -> None:
    for judged in (is_persons_name(text, unlike=(other,)), may_be_company(text), begins_small(text)):
        assert judged in {True, False}
    assert len(heading_of_page(text)) <= len(text)
    company = company_of_page(text, other)
    assert company is None or may_be_company(company.removeprefix("the "))
    line = suspicious_line(text)
    assert line is None or 1 <= line <= len(text.splitlines())
