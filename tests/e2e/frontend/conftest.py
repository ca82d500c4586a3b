"""A real Chromium, and pages on two origins: the sidecar's own, and one that embeds the element."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from tests.e2e.conftest import Program
from tests.e2e.servers import Sidecar, StandIn, free_port

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
NOBODY = "http://127.0.0.1:9"
"""Where nothing listens."""

INTERVAL_SECONDS = 1.0
TIMEOUT_SECONDS = 0.5


@pytest.fixture
async def browser(program: Program) -> AsyncIterator[Browser]:
    path = program("chromium", "chromium-browser", "google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page that must not meet an error of its own, or ask anybody but loopback."""
    page = await browser.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: _note(problems, message))
    page.on("request", lambda request: _note_foreign(problems, request.url))
    yield page
    assert problems == []


def _note(problems: list[str], message: Any) -> None:
    # That nobody answers is what some tests are about; Chromium tells it as an error.
    if message.type == "error" and "Failed to load resource" not in message.text:
        problems.append(message.text)


def _note_foreign(problems: list[str], url: str) -> None:
    if not url.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "about:")):
        problems.append(f"asked {url}")


@pytest.fixture
async def host(aiohttp_server: Any) -> str:
    """The origin of a page with a strict policy of its own, at /?SIDECAR, that embeds the element."""

    async def embedding(request: web.Request) -> web.Response:
        sidecar = request.query_string
        policy = f"default-src 'none'; script-src {sidecar}; connect-src {sidecar} {NOBODY}"
        return web.Response(
            text='<!doctype html><html lang="en"><title>Another frontend</title><main><h1>Orders</h1>'
            f'<script src="{sidecar}/static/health-badge.js" defer></script>'
            f'<health-badge src="{sidecar}" label="Pipeline"></health-badge></main></html>',
            content_type="text/html",
            headers={"Content-Security-Policy": policy},
        )

    app = web.Application()
    app.router.add_get("/", embedding)
    server = await aiohttp_server(app)
    return f"http://127.0.0.1:{server.port}"


def configuration(*stand_ins: StandIn, origins: tuple[str, ...] = (), more: str = "") -> str:
    rows = "".join(
        f"  {stand_in.provider}: {{kind: http, url: '{stand_in.url}/health', critical: true, "
        "failures_to_down: 1}\n"
        for stand_in in stand_ins
    )
    return (
        f"interval_seconds: {INTERVAL_SECONDS}\ntimeout_seconds: {TIMEOUT_SECONDS}\n"
        f"cors_origins: {list(origins)}\ndependencies:\n{rows}{more}"
    )


def new_sidecar(folder: Path, config: str) -> Sidecar:
    return Sidecar(folder, config, port=free_port())
