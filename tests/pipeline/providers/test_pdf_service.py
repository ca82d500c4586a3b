from __future__ import annotations

import gzip
import io

import pytest
from aiohttp import web
from pypdf import PdfReader

from pipeline import Meter
from pipeline.demo.stand_ins import create_app
from pipeline.failures import retry_after_seconds
from pipeline.metrics import PIPELINE_CALLS
from pipeline.providers import ProviderError, pdf_service
from tests.pipeline.providers.serving import (
    CONVERT,
    NOBODY,
    Reply,
    Scripted,
    answer,
    providers_at,
    serving,
    serving_app,
)

PDF = b"%PDF-1.7\n%%EOF\n"


async def render(url: str, html: str = "<h1>Hello</h1>", meter: Meter | None = None) -> bytes:
    async with providers_at(pdf_service=url, meter=meter) as providers:
        return await providers.pdf_service.render(html)


async def test_html_comes_back_as_a_pdf_with_its_text() -> None:
    async with serving_app(create_app("pdf_service")) as url:
        pdf = await render(url, "<h1>Dossier of Nordlink</h1><p>Nightly files are late</p>")
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    assert "Dossier of Nordlink" in text
    assert "Nightly files are late" in text


async def test_html_is_sent_as_the_form_file_that_gotenberg_wants() -> None:
    reply = Scripted(answer(PDF, content_type="application/pdf"))
    async with serving(CONVERT, reply) as url:
        assert await render(url, "<p>Zoë</p>") == PDF
    assert b'name="files"; filename="index.html"' in reply.bodies[0]
    assert "<p>Zoë</p>".encode() in reply.bodies[0]


async def test_password_in_the_url_is_sent_as_basic_authentication() -> None:
    reply = Scripted(answer(PDF))
    async with serving(CONVERT, reply) as url:
        await render(url.replace("http://", "http://user:word@"))
    assert reply.headers[0]["Authorization"].startswith("Basic ")


async def test_how_long_a_busy_service_asks_to_wait_is_heard() -> None:
    busy = Scripted(lambda: web.Response(status=429, headers={"Retry-After": "7"}))
    async with serving(CONVERT, busy) as url:
        with pytest.raises(ProviderError) as raised:
            await render(url)
    assert retry_after_seconds(raised.value) == 7


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer("BODY", status=503), "status 503"),
        (answer("BODY", status=404), "status 404: nothing is found there; check PDF_SERVICE_URL"),
        (answer(b"%PDF-BODY", status=204), "status 204"),
        (lambda: web.Response(status=302, headers={"Location": "/BODY"}), "status 302"),
        (answer("<html>BODY</html>", content_type="text/html"), "no PDF"),
        (answer(b""), "no PDF"),
        (answer(b"%PDF"), "no PDF"),
        (answer(b"%PDF-BODY"), "PDF without its end"),
        (answer(b"%PDF-BODY %%EOF" + bytes(5_000)), "PDF without its end"),
    ],
)
async def test_what_is_no_pdf_fails_in_one_line_without_the_body(reply: Reply, reason: str) -> None:
    meter = Meter()
    async with serving(CONVERT, Scripted(reply)) as url:
        with pytest.raises(ProviderError, match=reason) as raised:
            await render(url, meter=meter)
    assert "BODY" not in str(raised.value)
    assert meter.counter(PIPELINE_CALLS, "none", "pdf_service", "error").value == 1


async def test_answer_that_unpacks_to_more_than_the_limit_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pdf_service, "MAX_PDF_BYTES", 100_000)
    packed = gzip.compress(b"%PDF" + bytes(10_000_000))
    reply = Scripted(lambda: web.Response(body=packed, headers={"Content-Encoding": "gzip"}))
    async with serving(CONVERT, reply) as url:
        with pytest.raises(ProviderError, match="longer than 100000 bytes"):
            await render(url)


async def test_answer_cut_off_cannot_be_read() -> None:
    async def cut_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"%PDF-1.7")
        assert request.transport is not None
        request.transport.abort()
        return response

    app = web.Application()
    app.router.add_post(CONVERT, cut_off)
    async with serving_app(app) as url:
        with pytest.raises(ProviderError, match=r"cannot be read|no connection"):
            await render(url)


async def test_nobody_there_is_no_connection_and_shows_no_url() -> None:
    with pytest.raises(ProviderError, match=r"^pdf_service: no connection \(\w+\)$"):
        await render(NOBODY)
