"""HTML to a PDF of its text: headings, paragraphs and list items, on A4."""

from __future__ import annotations

import unicodedata

from pipeline.html_blocks import parse_html

# Some 16 pages. A thread that draws cannot be interrupted: ten times this would hold up the shutdown.
MAX_CHARACTERS = 50_000

_HEADING_POINTS = {"h1": 20, "h2": 16, "h3": 13, "h4": 12, "h5": 11, "h6": 11}
_TEXT_POINTS = 11
_LINE_HEIGHT_MM_PER_POINT = 0.5
_INDENT_MM = 6
# What Latin-1 lacks and every text uses. What is not here loses its accents, or becomes "?".
_PLAIN = str.maketrans(
    {
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-",
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"',
        "\u2022": "-", "\u2192": "->", "\u2264": "<=", "\u2265": ">=", "\u20ac": "EUR",
        "\u0141": "L", "\u0142": "l", "\u0110": "D", "\u0111": "d", "\u0131": "i", "\u1e9e": "SS",
    }
)  # fmt: skip


def drawable(text: str) -> str:
    """The text in the characters of a PDF's built-in fonts, which are Latin-1."""
    drawn = []
    for character in text.translate(_PLAIN):
        if ord(character) < 256:
            drawn.append(character if character.isprintable() else " ")
        else:
            parts = unicodedata.normalize("NFKD", character)
            drawn.append("".join(part for part in parts if ord(part) < 128) or "?")
    return "".join(drawn)


def render_html(html: str) -> bytes:
    """A PDF of the document's text, at most its first `MAX_CHARACTERS`; blocks, so run it in a thread."""
    # Imported here: it takes as long to load as aiohttp, and only this one of the stand-ins draws.
    from fpdf import FPDF

    title, blocks = parse_html(html[:MAX_CHARACTERS])
    pdf = FPDF(format="A4")
    pdf.set_margin(20)
    pdf.set_auto_page_break(auto=True, margin=20)
    pdf.set_title(drawable(title))
    pdf.add_page()
    for block in blocks:
        points = _HEADING_POINTS.get(block.tag, _TEXT_POINTS)
        pdf.set_font("Helvetica", style="B" if block.tag in _HEADING_POINTS else "", size=points)
        indent = _INDENT_MM if block.tag == "li" else 0
        bullet = "- " if block.tag == "li" else ""
        pdf.set_x(pdf.l_margin + indent)
        height = points * _LINE_HEIGHT_MM_PER_POINT
        pdf.multi_cell(0, height, bullet + drawable(block.text), align="L", new_x="LMARGIN", new_y="NEXT")
        pdf.ln(height / 3)
    return bytes(pdf.output())
