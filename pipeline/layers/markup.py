"""Inline Markdown taken off, so that what is copied out of a line can be compared, and printed."""

from __future__ import annotations

import re
from typing import Final

from pipeline.layers.lines import one_line

# Bounded: a line of openings that nothing closes takes no time that grows with its square.
_IMAGE: Final = re.compile(r"!\[([^\[\]]{0,500})\]\([^()]{0,2000}\)")
_LINK: Final = re.compile(r"\[([^\[\]]{1,500})\]\(\s?<?([^()\s<>]{0,2000})[^()]{0,500}\)")
_ADDRESS: Final = re.compile(r"<([^\s<>]{1,500}[@.:][^\s<>]{1,500})>")
_CODE: Final = re.compile(r"(?<!`)`([^`]{1,1000})`(?!`)")
_STRONG: Final = re.compile(r"(\*\*|__)(?=\S)(.{1,1000}?)(?<=\S)\1")
_EMPHASIS: Final = re.compile(r"(?<![\w*])([*_])(?=\S)([^*_]{1,1000})(?<=\S)\1(?![\w*])")
_ESCAPE: Final = re.compile(r"\\([!-/:-@\[-`{-~])")
_BULLET: Final = re.compile(r"\A[*+•] ")
_SCHEME: Final = re.compile(r"\A(?:mailto:|tel:)")
_NOT_SAID: Final = re.compile(r"\Ahttps?://(?:www\.)?|/\Z|[\s+]")


def without_markup(line: str) -> str:
    """One line's text: no marks of emphasis or code, every bullet as `- `, and after a link its address."""
    text = _IMAGE.sub(r"\1", _BULLET.sub("- ", one_line(line)))
    text = _ADDRESS.sub(r"\1", _LINK.sub(_words_and_address, text))
    text = _EMPHASIS.sub(r"\2", _STRONG.sub(r"\2", _CODE.sub(r"\1", text)))
    return _ESCAPE.sub(r"\1", text.rstrip("\\")).strip()


def _words_and_address(link: re.Match[str]) -> str:
    words, address = link[1].strip(), _SCHEME.sub("", link[2])
    is_said = _NOT_SAID.sub("", address).casefold() in _NOT_SAID.sub("", words).casefold()
    return words if is_said else f"{words} ({address})"
