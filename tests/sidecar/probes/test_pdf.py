from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from sidecar.probes import PdfOptions, PdfProbe, ProbeResult, Reason
from tests.sidecar.probes.targets import stand_in

HEALTHY = '{"status": "up", "details": {"chromium": {"status": "up"}}}'
UNHEALTHY = '{"status": "down", "details": {"chromium": {"status": "down"}, "libreoffice": {"status": "up"}}}'


async def probe(url: Any, **options: Any) -> ProbeResult:
    options = {"url": str(url), "timeout_seconds": 1.0} | options
    return await PdfProbe("pdf_service", PdfOptions.model_validate(options)).run()


@asynccontextmanager
async def gotenberg(*, health: str = HEALTHY, status: int = 200, document: bytes = b"") -> AsyncIterator[Any]:
    async def get_health(_: web.Request) -> web.Response:
        return web.Response(text=health, status=status)

    async def convert(_: web.Request) -> web.Response:
        return web.Response(body=document, content_type="application/pdf")

    app = web.Application()
    app.router.add_get("/health", get_health)
    app.router.add_post("/forms/chromium/convert/html", convert)
    async with TestServer(app) as server:
        yield server.make_url("/")


async def test_a_healthy_gotenberg_is_up() -> None:
    async with stand_in("pdf_service") as server:
        assert (await probe(server.make_url("/"))).success


async def test_a_page_is_rendered_where_that_is_wished() -> None:
    async with stand_in("pdf_service") as server:
        result = await probe(server.make_url("/"), timeout_seconds=5.0, render=True)
    assert result.success
    assert any(event.text.startswith("rendered 1 pages") for event in result.trace)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, Reason.AUTH), (404, Reason.STATUS), (429, Reason.QUOTA), (500, Reason.STATUS)],
)
async def test_a_refusal_has_its_reason(status: int, reason: Reason) -> None:
    async with stand_in("pdf_service") as server:
        fault = {"mode": "fail", "status": status}
        async with ClientSession() as session, session.put(server.make_url("/_fault"), json=fault):
            assert (await probe(server.make_url("/"))).reason is reason


@pytest.mark.parametrize("status", [200, 503])
async def test_an_engine_that_is_down_is_status_and_named(status: int) -> None:
    async with gotenberg(health=UNHEALTHY, status=status) as url:
        result = await probe(url)
    assert result.reason is Reason.STATUS
    assert "chromium is not up" in [event.text for event in result.trace]


@pytest.mark.parametrize("health", ["", "OK", "[]", "null", "{}", '{"status": 1}'])
async def test_what_is_not_gotenbergs_is_body(health: str) -> None:
    async with gotenberg(health=health) as url:
        assert (await probe(url)).reason is Reason.BODY


@pytest.mark.parametrize("details", ["null", "[]", '{"chromium": "down"}', '{"chromium": {}}'])
async def test_details_in_another_form_do_not_matter(details: str) -> None:
    async with gotenberg(health=f'{{"status": "up", "details": {details}}}') as url:
        assert (await probe(url)).success


@pytest.mark.parametrize("document", [b"", b"<html>", b"%PDF-1.7\n", b"%PDF-1.7\nstartxref\n9\n%%EOF\n"])
async def test_what_is_no_pdf_of_one_page_is_body(document: bytes) -> None:
    async with gotenberg(document=document) as url:
        assert (await probe(url)).success
        assert (await probe(url, render=True)).reason is Reason.BODY


async def test_headers_are_sent_with_both_requests() -> None:
    seen: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.headers["Authorization"]))
        return web.Response(text=HEALTHY)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        await probe(server.make_url("/"), headers={"Authorization": "Basic s3cr3t"}, render=True)
    assert seen == [("GET", "Basic s3cr3t"), ("POST", "Basic s3cr3t")]
