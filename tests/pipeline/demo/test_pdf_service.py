from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from pypdf import PdfReader

from pipeline.demo.pdf import drawable, render_html
from pipeline.html_blocks import Block, parse_html
from tests.pipeline.demo.calling import html_form

if TYPE_CHECKING:
    from tests.pipeline.demo.conftest import Start

CONVERT = "/forms/chromium/convert/html"


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


async def test_html_becomes_a_pdf_with_its_text(start: Start) -> None:
    html = "<title>Letter</title><h1>Dear Jule</h1><p>One <b>bold</b> word</p><ul><li>first<li>second</ul>"
    response = await (await start("pdf_service")).post(CONVERT, data=html_form(html))
    assert (response.status, response.content_type) == (200, "application/pdf")
    pdf = await response.read()
    assert text_of(pdf).splitlines() == ["Dear Jule", "One bold word", "- first", "- second"]
    metadata = PdfReader(BytesIO(pdf)).metadata
    assert metadata is not None
    assert metadata.title == "Letter"


async def test_a_form_without_index_html_is_a_400_in_plain_text(start: Start) -> None:
    form = html_form("<p>x</p>", filename="letter.html")
    response = await (await start("pdf_service")).post(CONVERT, data=form)
    assert (response.status, response.content_type) == (400, "text/plain")
    assert await response.text() == "Invalid form data: form file 'index.html' is required"


async def test_a_broken_form_is_a_400(start: Start) -> None:
    client = await start("pdf_service")
    for boundary in ("; boundary=x", ""):
        headers = {"Content-Type": f"multipart/form-data{boundary}"}
        for body in (b"", b"--x\r\n", b"\xff\x00", b"--x\r\nContent-Disposition: form-data;;=\r\n\r\n"):
            response = await client.post(CONVERT, data=body, headers=headers)
            assert response.status == 400, (boundary, body)


async def test_a_body_that_is_no_form_is_a_415(start: Start) -> None:
    response = await (await start("pdf_service")).post(CONVERT, json={"html": "<p>x</p>"})
    assert response.status == 415


async def test_both_engines_are_up(start: Start) -> None:
    client = await start("pdf_service")
    body = await (await client.get("/health")).json()
    assert body["status"] == "up"
    assert set(body["details"]) == {"chromium", "libreoffice"}
    for engine in body["details"].values():
        assert engine["status"] == "up"
        assert datetime.fromisoformat(engine["timestamp"]).tzinfo is not None
    assert (await client.head("/health")).status == 200


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("Grüße, señor", "Grüße, señor"),
        ("“quoted” – it’s 5 € …", '"quoted" - it\'s 5 EUR ...'),
        ("Łódź, Dvořák", "Lódz, Dvorák"),
        ("日本 🎉", "?? ?"),
        ("a\x00b\u00a0c", "a b c"),
        ("\ud800", "?"),
    ],
)
def test_what_the_fonts_lack_is_replaced(text: str, drawn: str) -> None:
    assert drawable(text) == drawn
    assert render_html(f"<p>{text}</p>").startswith(b"%PDF-")


@pytest.mark.parametrize(
    "html", ["", "<", "<p", "</", "<!--", "<![CDATA[", "&#xD800;&#1234567;", "<script>x", "w" * 9000]
)
def test_any_text_makes_a_pdf(html: str) -> None:
    assert render_html(html).startswith(b"%PDF-")


def test_scripts_styles_and_the_head_are_not_drawn() -> None:
    html = "<head><title>T</title><style>p{}</style><body><script>s()</script><h2>A</h2>b<br>c</body>"
    assert parse_html(html) == ("T", [Block("h2", "A"), Block("p", "b"), Block("p", "c")])
