"""Gotenberg: HTML in, PDF out, and the health of its engines."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email import message_from_bytes
from uuid import uuid4

from aiohttp import web

from pipeline.demo.pdf import render_html
from pipeline.demo.stand_in import RefusedError, StandIn

_INDEX = "index.html"


def _error(status: int, message: str) -> web.Response:
    return web.Response(text=message, status=status)


def _index_html(content_type: str, body: bytes) -> str | None:
    """The uploaded index.html; None where there is none, also where the form is broken.

    Read as a mail would be: that parser takes any bytes without an exception.
    """
    form = message_from_bytes(b"Content-Type: " + content_type.encode(errors="replace") + b"\r\n\r\n" + body)
    for part in form.walk():
        if part.get_filename() == _INDEX:
            content = part.get_payload(decode=True)
            return content.decode(errors="replace") if isinstance(content, bytes) else None
    return None


async def _convert_html(request: web.Request) -> web.Response:
    if request.content_type != "multipart/form-data":
        raise RefusedError(415, "Invalid request: the body is not multipart/form-data")
    body = await request.read()
    html = await asyncio.to_thread(_index_html, request.headers["Content-Type"], body)
    if html is None:
        raise RefusedError(400, f"Invalid form data: form file '{_INDEX}' is required")
    return web.Response(
        body=await asyncio.to_thread(render_html, html),
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{uuid4()}.pdf"'},
    )


async def _health(_request: web.Request) -> web.Response:
    engine = {"status": "up", "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z")}
    return web.json_response({"status": "up", "details": {"chromium": engine, "libreoffice": engine}})


def _install(app: web.Application) -> None:
    app.router.add_post("/forms/chromium/convert/html", _convert_html)
    app.router.add_get("/health", _health)


PDF_SERVICE = StandIn(name="pdf_service", install=_install, error=_error)
