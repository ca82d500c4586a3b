from __future__ import annotations

import io
import zlib

import pytest
from fpdf import FPDF
from pypdf import PdfReader, PdfWriter

from sidecar.probes.pdf_pages import count_pages

END = b"\nstartxref\n9\n%%EOF\n"


def drawn(pages: int, *, compressed: bool = True) -> bytes:
    pdf = FPDF()
    pdf.set_compression(compressed)
    for _ in range(pages):
        pdf.add_page()
        pdf.set_font("Helvetica")
        pdf.cell(text="a page that says /Type /Page and endstream")
    return bytes(pdf.output())


def stream(dictionary: bytes, content: bytes) -> bytes:
    return b"1 0 obj\n<<" + dictionary + b">>\nstream\n" + content + b"\nendstream\nendobj\n"


@pytest.mark.parametrize("pages", [1, 2, 11])
def test_pages_are_counted_as_a_library_counts_them(pages: int) -> None:
    document = drawn(pages)
    assert count_pages(document) == len(PdfReader(io.BytesIO(document)).pages) == pages


def test_pages_are_counted_in_what_a_library_wrote() -> None:
    writer = PdfWriter(clone_from=io.BytesIO(drawn(3)))
    file = io.BytesIO()
    writer.write(file)
    assert count_pages(file.getvalue()) == 3


def test_pages_in_a_compressed_stream_of_objects_are_counted() -> None:
    objects = zlib.compress(b"2 0 3 20 <</Type /Pages/Count 2>> <</Type/Page>> <</Type /Page >>")
    assert count_pages(b"%PDF-1.7\n" + stream(b"/Type/ObjStm/N 3", objects) + END) == 2


def test_what_a_page_shows_is_not_counted() -> None:
    assert count_pages(b"%PDF-1.7\n" + stream(b"/Length 12", b"/Type /Page ") + END) == 0


@pytest.mark.parametrize(
    "document",
    [b"", b"PDF", b"%PDF-1.7", drawn(1)[:-20], b" " + drawn(1), drawn(1) + b"x" * 2000],
    ids=["empty", "no header", "only a header", "cut short", "begins later", "ends later"],
)
def test_what_begins_or_ends_otherwise_is_no_pdf(document: bytes) -> None:
    with pytest.raises(ValueError, match="it does not"):
        count_pages(document)


@pytest.mark.parametrize(
    "middle",
    [
        stream(b"/Type/ObjStm", b"not compressed"),
        stream(b"/Type/ObjStm", zlib.compress(bytes(100_000_000), 9)[:-4]),
        b"<</ObjStm>>stream\n" + b"never ends",
        b"stream\n" * 10_000,
        b"/Type " * 10_000,
    ],
    ids=["not compressed", "bomb", "endless", "many streams", "many types"],
)
def test_a_hostile_document_is_bounded(middle: bytes) -> None:
    assert count_pages(b"%PDF-1.7\n" + middle + END) == 0
