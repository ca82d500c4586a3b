"""HTML to the blocks of its text: headings, paragraphs and list items.

Not by html.parser: a page of unclosed tags takes it a time that grows with the square of the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_UNSEEN = frozenset({"head", "script", "style", "template"})
_BLOCKS = frozenset(
    {"address", "article", "blockquote", "body", "br", "dd", "div", "dl", "dt", "footer", "header", "hr"}
    | {"li", "main", "nav", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"}
    | HEADINGS
)

# Neither `<` nor `>` inside: a tag that is not closed ends at the next, and no text is looked at twice.
_TOKEN = re.compile(r"<(?P<closes>/?)(?P<name>[a-zA-Z][a-zA-Z0-9]*)[^<>]*>|<[!?][^<>]*>")

_CODE_OPENS = re.compile(r"<(script|style)(?![\w-])[^<>]*>", re.IGNORECASE)
_CODE_CLOSES = {name: re.compile(rf"</{name}(?![\w-])[^<>]*>", re.IGNORECASE) for name in ("script", "style")}


@dataclass(frozen=True, slots=True)
class Block:
    """A run of text on lines of its own; `tag` is h1 to h6, li, or p for all the rest."""

    tag: str
    text: str


class _Blocks:
    """Cuts a document into blocks; wrong or unclosed tags cost at most a line break."""

    def __init__(self) -> None:
        self.title = ""
        self.blocks: list[Block] = []
        self._tag = "p"
        self._text: list[str] = []
        self._unseen: str | None = None
        self._in_title = False

    def feed(self, html: str) -> None:
        end = 0
        for token in _TOKEN.finditer(html):
            self._see_text(html[end : token.start()])
            end = token.end()
            name = token["name"]
            if name is None:
                continue
            if token["closes"]:
                self._close(name.lower())
            else:
                self._open(name.lower())
        self._see_text(html[end:])
        self._end_block()

    def _open(self, tag: str) -> None:
        # An image in the text may have a title too.
        self._in_title = tag == "title" and self._unseen in {None, "head"} and not self.title
        if tag == "body":
            self._unseen = None  # a head that was never closed
        elif self._unseen is None and tag in _UNSEEN:
            self._unseen = tag
        if tag in _BLOCKS:
            self._end_block()
            self._tag = tag if tag == "li" or tag in HEADINGS else "p"

    def _close(self, tag: str) -> None:
        self._in_title = False
        if tag == self._unseen:
            self._unseen = None
        if tag in _BLOCKS:
            self._end_block()
            self._tag = "p"

    def _see_text(self, text: str) -> None:
        if self._in_title:
            self.title = " ".join(unescape(text).split()) or self.title
        elif self._unseen is None and text:
            self._text.append(unescape(text))

    def _end_block(self) -> None:
        text = " ".join("".join(self._text).split())
        self._text.clear()
        if text:
            self.blocks.append(Block(self._tag, text))


def parse_html(html: str, *, max_chars: int | None = None) -> tuple[str, list[Block]]:
    """The document's title, which may be empty, and its blocks; takes any text, in time linear in it.

    `max_chars` is how much is read of what is left without comments, scripts and styles.
    """
    blocks = _Blocks()
    blocks.feed(_without_code(_without_comments(html))[:max_chars])
    return blocks.title, blocks.blocks


def _without_code(html: str) -> str:
    """One that is never closed hides the rest, as in a browser."""
    parts: list[str] = []
    end = 0
    while (opening := _CODE_OPENS.search(html, end)) is not None:
        parts.append(html[end : opening.start()])
        closing = _CODE_CLOSES[opening[1].lower()].search(html, opening.end())
        if closing is None:
            return "".join(parts)
        end = closing.end()
    return "".join((*parts, html[end:]))


def _without_comments(html: str) -> str:
    """One that is never closed hides the rest, as in a browser."""
    parts: list[str] = []
    end = 0
    while (begin := html.find("<!--", end)) >= 0:
        parts.append(html[end:begin])
        closing = html.find("-->", begin + 4)
        if closing < 0:
            return "".join(parts)
        end = closing + 3
    return "".join((*parts, html[end:]))
