"""A posting in one of the formats it may come in: text, Markdown, HTML, JSON, a MongoDB document as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any, Final, NamedTuple

from pipeline.html_blocks import HEADINGS, parse_html
from pipeline.layers.layout import MAX_TITLE_CHARS
from pipeline.layers.lines import one_line, whole_characters
from pipeline.layers.posting import IntakeError, Posting, parse_posting
from pipeline.layers.titles import heading_of_page

MAX_HTML_CHARS: Final = 300_000
"""Without comments, scripts and styles. This runs in the event loop; a page's text stands in fewer."""

_IS_JSON: Final = re.compile(r"\s*(?:\{|\[\s*\{)")
_IS_HTML: Final = re.compile(
    r"\s*(?:<!--|<!doctype\s+html|<(?:html|head|body|header|article|section|main|div|span|h[1-6]|p|br|b|strong"
    r"|em|ul|ol|table|script|style|meta|title)\b)",
    re.IGNORECASE,
)
# As some job boards have it in their JSON.
_IS_ESCAPED_HTML: Final = re.compile(r"\s*&lt;[a-z][a-z0-9]*(?:\s[^<>]{0,500})?&gt;", re.IGNORECASE)

# The keys that job boards, schema.org's JobPosting and people use; the first that is there counts.
_TITLE_KEYS: Final = ("title", "job_title", "jobTitle", "position", "role")
_COMPANY_KEYS: Final = (
    "company",
    "company_name",
    "companyName",
    "employer",
    "organization",
    "organisation",
    "hiringOrganization",
)
_TEXT_KEYS: Final = (
    "text",
    "description",
    "job_description",
    "jobDescription",
    "body",
    "content",
    "markdown",
    "html",
)
_REQUIREMENTS_KEYS: Final = ("requirements", "qualifications", "skills")


def read_posting(text: str, *, named: str = "") -> Posting:
    """What the posting says, whatever its format; `named` is its file's name, which may tell the format.

    Raises:
        IntakeError: no title can be found, or the posting is no JSON though it begins, or is named, like it.
    """
    name = named.lower()
    if name.endswith(".json") or _IS_JSON.match(text):
        return _read_json(text)
    markdown = _as_markdown(text, is_html=name.endswith((".html", ".htm")))
    return parse_posting(
        markdown.text, page_title=markdown.page_title, is_headed_by_page=markdown.is_headed_by_page
    )


class _Markdown(NamedTuple):
    """A text, the title of its page if it was HTML, and whether that is its heading for want of one."""

    text: str
    page_title: str = ""
    is_headed_by_page: bool = False


def _as_markdown(text: str, *, is_html: bool = False) -> _Markdown:
    if _IS_ESCAPED_HTML.match(text):
        text = unescape(text)
    if not is_html and not _IS_HTML.match(text):
        return _Markdown(text)
    title, blocks = parse_html(text, max_chars=MAX_HTML_CHARS)
    lines = [
        f"{'#' * int(block.tag[1])} {block.text}"
        if block.tag in HEADINGS
        else f"- {block.text}"
        if block.tag == "li"
        else block.text
        for block in blocks
    ]
    lacks_heading = bool(title) and not any(line.startswith("# ") for line in lines)
    if lacks_heading:
        lines.insert(0, f"# {heading_of_page(title)}")
    return _Markdown("\n\n".join(lines), title, lacks_heading)


def _read_json(text: str) -> Posting:
    try:
        given = json.loads(text)
    except ValueError as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise IntakeError(f"the posting is no valid JSON{where}; mend it, or save it as text") from None
    except RecursionError:
        raise IntakeError("the posting is JSON that is nested too deep; save it as text") from None
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if not isinstance(given, Mapping):
        raise IntakeError("the posting is JSON, but not one object; give each posting a file of its own")
    return _read_document(given)


def _read_document(document: Mapping[str, Any]) -> Posting:
    """What the document says of title and company counts for more than what its text does."""
    title, company = _text(document, _TITLE_KEYS), _text(document, _COMPANY_KEYS)
    text = _text(document, _TEXT_KEYS)
    if title is None and text is None:
        raise IntakeError(
            "the posting is JSON without a posting in it;"
            f" put one into the keys {_TITLE_KEYS[0]}, {_COMPANY_KEYS[0]} and {_TEXT_KEYS[0]}"
        )
    parts = [] if title is None else [f"# {one_line(title)}"]
    if company is not None:
        parts.append(f"Company: {one_line(company)}")
    if text is not None:
        parts.append(_as_markdown(text).text)
    requirements = _lines(document, _REQUIREMENTS_KEYS)
    if requirements:
        parts.append("## Requirements\n\n" + "\n".join(f"- {line}" for line in requirements))
    posting = parse_posting("\n\n".join(parts))
    given = {"title": title, "company": company}
    return posting.model_copy(
        update={
            key: one_line(value)[:MAX_TITLE_CHARS]
            for key, value in given.items()
            if value is not None and one_line(value)
        }
    )


def _text(document: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    """The first of the keys that holds text, itself or as the name of an object."""
    for key in keys:
        value = document.get(key)
        if isinstance(value, Mapping):
            value = value.get("name")
        if isinstance(value, str) and value.strip():
            return whole_characters(value)
    return None


def _lines(document: Mapping[str, Any], keys: tuple[str, ...]) -> list[str]:
    for key in keys:
        value = document.get(key)
        if isinstance(value, list):
            return [one_line(line) for line in value if isinstance(line, str) and one_line(line)]
        if isinstance(value, str) and value.strip():
            return [one_line(line).lstrip("-*• ") for line in value.splitlines() if one_line(line)]
    return []
