"""How many pages a PDF has, without a library for PDF; see ISO 32000-1, 7.5 and 7.7."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final

_HEADER: Final = b"%PDF-"
_TRAILER: Final = re.compile(rb"startxref\s{1,8}[0-9]{1,10}\s{1,8}%%EOF\s{0,64}\Z")
_TRAILER_BYTES: Final = 1024
_PAGE: Final = re.compile(rb"/Type\s{0,8}/Page(?![A-Za-z0-9])")
_STREAM: Final = re.compile(rb"(?<!end)stream\r?\n")
_END_OF_STREAM: Final = b"endstream"
_DICTIONARY_BYTES: Final = 1024
_MAX_OBJECT_BYTES: Final = 8 * 1024 * 1024
"""What the compressed objects of a document may come to; a page of text has some kilobytes."""


def count_pages(document: bytes) -> int:
    """Count the page objects, the compressed ones too.

    Raises:
        ValueError: it doesn't begin or end as a PDF does; in words without anything from it.
    """
    if not document.startswith(_HEADER):
        raise ValueError("it does not begin with %PDF-")
    if not _TRAILER.search(document[-_TRAILER_BYTES:]):
        raise ValueError("it does not end with startxref and %%EOF: it is cut short")
    return sum(len(_PAGE.findall(part)) for part in _objects(document))


def _objects(document: bytes) -> Iterator[bytes]:
    """What is not content: the parts between streams, and the streams that hold objects."""
    position = 0
    left = _MAX_OBJECT_BYTES
    while (begin := _STREAM.search(document, position)) is not None:
        between = document[position : begin.start()]
        yield between
        end = document.find(_END_OF_STREAM, begin.end())
        if end < 0:
            return
        if b"/ObjStm" in between[-_DICTIONARY_BYTES:].rpartition(b" obj")[2]:
            inflated = _inflate(document[begin.end() : end], left)
            left -= len(inflated)
            yield inflated
        position = end + len(_END_OF_STREAM)
    yield document[position:]


def _inflate(data: bytes, max_bytes: int) -> bytes:
    if max_bytes <= 0:
        return b""
    try:
        return zlib.decompressobj().decompress(data, max_bytes)
    except zlib.error:
        return data  # Not compressed, or not so.
