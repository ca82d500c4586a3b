"""Documents of headings, paragraphs and list items, as Markdown, HTML or text; their words are others'."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import Final

_MARKDOWN_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>#|~])")
_STYLE: Final = (
    "@page{size:A4;margin:20mm}body{font:11pt/1.45 sans-serif;color:#1c2128}"
    "h1{font-size:20pt;margin:0 0 2mm}h2{font-size:13pt;margin:7mm 0 2mm}"
    "h3{font-size:11pt;margin:4mm 0 1mm}li{margin:0 0 1mm}"
)


class Kind(StrEnum):
    """The values are HTML's."""

    TITLE = "h1"
    HEADING = "h2"
    SUBHEADING = "h3"
    PARAGRAPH = "p"
    ITEM = "li"


_MARKS: Final = {
    Kind.TITLE: "# ",
    Kind.HEADING: "## ",
    Kind.SUBHEADING: "### ",
    Kind.PARAGRAPH: "",
    Kind.ITEM: "- ",
}


@dataclass(frozen=True, slots=True)
class Block:
    """One line of plain text of a kind."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A document; `title` is for whoever lists files, and stands in the text only where a block says it."""

    title: str
    blocks: tuple[Block, ...]

    def as_markdown(self) -> str:
        """What others wrote becomes no link, image or HTML in our document."""
        parts: list[str] = []
        for block, before in zip(self.blocks, (None, *self.blocks), strict=False):
            within_list = before is not None and before.kind is block.kind is Kind.ITEM
            parts.append("" if before is None else "\n" if within_list else "\n\n")
            parts.append(_MARKS[block.kind] + _MARKDOWN_SPECIAL.sub(r"\\\1", block.text))
        return "".join((*parts, "\n"))

    def as_html(self) -> str:
        """A whole page for the PDF service; it loads nothing."""
        lines: list[str] = []
        inside_list = False
        for block in self.blocks:
            if (block.kind is Kind.ITEM) != inside_list:
                inside_list = not inside_list
                lines.append("<ul>" if inside_list else "</ul>")
            lines.append(f"<{block.kind}>{escape(block.text)}</{block.kind}>")
        if inside_list:
            lines.append("</ul>")
        body = "\n".join(lines)
        return (
            f'<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n<title>{escape(self.title)}</title>\n'
            f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
        )

    def as_text(self) -> str:
        """To paste into a message."""
        return "\n\n".join(block.text for block in self.blocks) + "\n"
