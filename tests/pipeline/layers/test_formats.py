from __future__ import annotations

import json
import time

import pytest

from pipeline.layers.formats import MAX_HTML_CHARS, read_posting
from pipeline.layers.posting import IntakeError

PAGE = """<!DOCTYPE html><html><head><title>Jobs at Old Inn</title><script>alert("x")</script></head><body>
<h1>Cook at Old Inn</h1><p>The kitchen <b>burns</b> down.</p>
<h2>Requirements</h2><ul><li>Sharp knives</li><li>Calm &amp; quiet</li></ul></body></html>"""


def test_html_is_read_like_the_markdown_of_its_text() -> None:
    posting = read_posting(PAGE)
    assert (posting.title, posting.company) == ("Cook", "Old Inn")
    assert posting.requirements == ("Sharp knives", "Calm & quiet")
    assert "The kitchen burns down." in posting.text
    assert "alert" not in posting.text


def test_html_without_a_heading_takes_its_title() -> None:
    assert read_posting("<html><title>Cook at Old Inn</title><p>We burn.</p></html>").title == "Cook"


@pytest.mark.parametrize(
    ("page_title", "company"),
    [
        ("Cook at Old Inn | JobBoard", "Old Inn"),
        ("JobBoard – Cook at Old Inn – Hove", "Old Inn"),
        ("Jobs at Old Inn", "Old Inn"),
        ("Old Inn hiring Cook in Hove | JobBoard", "Old Inn"),
        ("Old Inn is hiring a Cook", "Old Inn"),
        ("The Old Inn is currently hiring: Cook", "The Old Inn"),
        ("Cook | Old Inn is hiring now", "Old Inn"),
        ("Senior Cook (m/f/d) at Old Inn | JobBoard", "Old Inn"),
        ("Now hiring: Cook at Old Inn", "Old Inn"),
        ("Cook at the Ritz", "the Ritz"),
        ("Careers at Old Inn", "Old Inn"),
        ("Cook | Join us at Old Inn", "Old Inn"),
        ("Cook | JobBoard", "unknown"),
        ("We are hiring a Cook | Old Inn", "unknown"),
        ("We're hiring a Cook", "unknown"),
        ("Now hiring Cook in Hove", "unknown"),
        ("Urgently hiring Cook", "unknown"),
        ("Companies hiring Cook in Hove", "unknown"),
        ("Top 10 companies hiring Cook", "unknown"),
        ("Cook hiring in Hove", "unknown"),
        ("Jobs - Cook hiring in Hove", "unknown"),
        ("Apply at once: Cook | Old Inn", "unknown"),
        ("Cook wanted at once", "unknown"),
        ("Look at our jobs", "unknown"),
        ("Work at home Cook - Old Inn", "unknown"),
        ("Work at Home Cook - Old Inn", "unknown"),
        ("Cook at Sea | Old Inn", "unknown"),
        ("Great Place to Work at Heart | Old Inn", "unknown"),
        ("Meet us at Expo 2026 | Old Inn", "unknown"),
        ("Cook, apply at jobs@inn.example", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_pages_title_names_the_company_where_the_posting_does_not(page_title: str, company: str) -> None:
    posting = read_posting(f"<html><title>{page_title}</title><h1>Cook</h1><p>We burn.</p></html>")
    assert (posting.title, posting.company) == ("Cook", company)


@pytest.mark.parametrize(
    ("page_title", "title", "company"),
    [
        ("Cook at the Ritz | JobBoard", "Cook", "the Ritz"),
        ("Cook | Join us at Old Inn", "Cook", "Old Inn"),
        ("Careers at Old Inn – Cook", "Cook", "Old Inn"),
        ("Old Inn hiring Cook in Hove", "Old Inn hiring Cook in Hove", "Old Inn"),
        ("Cook at Sea | Old Inn", "Cook at Sea | Old Inn", "unknown"),
        ("Work at home Cook - Old Inn", "Work at home Cook - Old Inn", "unknown"),
        ("Good at cooking? | Old Inn", "Good at cooking? | Old Inn", "unknown"),
        ("Apply at once: Cook", "Apply at once: Cook", "unknown"),
        ("We are hiring a Cook", "We are hiring a Cook", "unknown"),
    ],
)
def test_a_page_without_a_heading_has_no_company_but_one_that_looks_so(
    page_title: str, title: str, company: str
) -> None:
    posting = read_posting(f"<html><title>{page_title}</title><p>We burn.</p></html>")
    assert (posting.title, posting.company) == (title, company)


def test_the_sites_name_in_the_pages_title_is_not_the_companys() -> None:
    posting = read_posting("<html><title>Cook at Old Inn | JobBoard</title><p>We burn.</p></html>")
    assert (posting.title, posting.company) == ("Cook", "Old Inn")


def test_html_keeps_its_title_whatever_its_images_are_called() -> None:
    page = "<html><title>Cook at Old Inn</title><body><svg><title>Logo</title></svg><p>We burn.</p>"
    assert read_posting(page).title == "Cook"


def test_a_saved_page_is_read_though_its_scripts_are_longer_than_what_is_read_of_it() -> None:
    script = f"<script>{'x < y;' * (MAX_HTML_CHARS // 6)}</script><style>{'x' * MAX_HTML_CHARS}</style>"
    assert read_posting(PAGE.replace("<title>", f"{script}<title>")) == read_posting(PAGE)


def test_a_files_name_tells_the_format_too() -> None:
    assert read_posting("Hello<h1>Cook at Old Inn</h1>", named="jobs/cook.HTML").title == "Cook"
    with pytest.raises(IntakeError, match="no valid JSON"):
        read_posting("# Cook at Old Inn", named="cook.json")


@pytest.mark.parametrize(
    "document",
    [
        {"title": "Cook", "company": "Old Inn", "text": "We burn.", "requirements": ["Knives", "Calm"]},
        {"jobTitle": "Cook", "company_name": "Old Inn", "body": "We burn.", "skills": "- Knives\n- Calm"},
        # schema.org's JobPosting
        {
            "@type": "JobPosting",
            "title": "Cook",
            "hiringOrganization": {"@type": "Organization", "name": "Old Inn"},
            "description": "<p>We burn.</p><h2>Requirements</h2><ul><li>Knives</li><li>Calm</li></ul>",
        },
        {
            "title": "Cook",
            "company": "Old Inn",
            "description": "<h2>Requirements</h2><ul><li>Knives<li>Calm</ul><b>We burn.</b>",
        },
        {
            "title": "Cook",
            "company": "Old Inn",
            "content": "&lt;p&gt;We burn. &lt;h3&gt;Skills&lt;/h3&gt; &lt;li&gt;Knives &lt;li&gt;Calm",
        },
        # a document of MongoDB, in its extended JSON
        {
            "_id": {"$oid": "65f0c0ffee"},
            "created": {"$date": "2026-11-22T10:00:00Z"},
            "text": "# Cook at Old Inn\n\nWe burn.\n\n## Requirements\n- Knives\n- Calm",
        },
    ],
)
def test_json_is_read_by_the_keys_that_job_boards_use(document: dict[str, object]) -> None:
    posting = read_posting(json.dumps(document))
    assert (posting.title, posting.company) == ("Cook", "Old Inn")
    assert posting.requirements == ("Knives", "Calm")
    assert "We burn." in posting.text


def test_a_title_in_json_is_taken_whole() -> None:
    posting = read_posting(json.dumps([{"title": "Head of Data at Scale", "company": "Acme", "text": "x"}]))
    assert (posting.title, posting.company) == ("Head of Data at Scale", "Acme")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"title": "Cook"', r"no valid JSON \(line 1\); mend it"),
        ('{"title": "Cook",\n\n}', r"no valid JSON \(line 3\)"),
        ('{"a":' * 100_000, "nested too deep|no valid JSON"),
        ("{}", "JSON without a posting in it; put one into the keys title, company and text"),
        ('{"title": 7, "text": null}', "without a posting in it"),
    ],
)
def test_json_that_is_no_posting_is_refused_with_a_remedy(text: str, problem: str) -> None:
    with pytest.raises(IntakeError, match=problem):
        read_posting(text)


def test_several_postings_in_one_file_are_refused() -> None:
    with pytest.raises(IntakeError, match="give each posting a file of its own"):
        read_posting('[{"title": "a"}, {"title": "b"}]', named="all.json")


def test_half_a_character_becomes_a_question_mark() -> None:
    posting = read_posting('{"title": "Cook \\ud800", "text": "\\udfff"}')
    assert posting.model_dump_json()
    assert posting.title == "Cook ?"


@pytest.mark.parametrize("piece", ["a ", "is ", " hiring ", "x at y | ", "| ", " - "])
def test_hostile_page_title_takes_no_longer_than_any_other(piece: str) -> None:
    title = (piece * MAX_HTML_CHARS)[: MAX_HTML_CHARS // 2]
    started = time.process_time()
    assert read_posting(f"<title>{title}</title><h1>Cook</h1><p>We burn.</p>").title == "Cook"
    assert time.process_time() - started < 1


@pytest.mark.parametrize("piece", ["<", "<p", "<!--", "</", "&#", "<!", "<p a='", "<!-- -"])
def test_hostile_html_takes_no_longer_than_any_other(piece: str) -> None:
    text = "<h1>Cook at Old Inn</h1>" + piece * (MAX_HTML_CHARS // len(piece))
    started = time.process_time()
    assert read_posting(text).title == "Cook"
    # The processor's time; a parser that looks at the rest again at each tag takes minutes.
    assert time.process_time() - started < 1
