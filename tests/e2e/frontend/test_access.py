"""For everybody: keyboard, screen reader, small screens, large print, little motion, hostile names."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from sidecar.events import Events
from sidecar.page.routes import PageRoutes
from tests.sidecar.page.documents import FixedDocuments, document, past, row
from tests.sidecar.page.test_render import HOSTILE, LAYER

LAYERS = ("intake", "pain_points", "research", "opportunity", "people", "generation", "publish")
OPEN = {"state": "open", "workers": {"closed": 1, "half_open": 0, "open": 3}}
EVERY_STATE = {
    "mongodb": row("up", critical=True, breaker={"state": "closed", "workers": {"closed": 4}}),
    "firecrawl": row("degraded", reason="quota"),
    "pdf_service": row("down", reason="timeout", breaker=OPEN),
    "openai": row("unknown", last_checked_at=None, latency_seconds=None),
    "legacy": row("up", stale=True),
}


def everything(dependencies: Any, status: str = "degraded") -> FixedDocuments:
    return FixedDocuments(
        document(
            status,
            summary="; ".join(f"{name} is down" for name in dependencies),
            dependencies=dependencies,
            pipeline={
                "jobs": {"running": 2, "succeeded": 40, "degraded": 0, "failed": 1, "success_rate": 0.976},
                "cost_usd": 81.23,
                "wasted_cost_usd": 0.04,
                "layers": [{"layer": name, "running": len(name) % 2, **LAYER} for name in LAYERS],
            },
            budget={"limit_usd": 100.0, "spent_usd": 81.0, "reserved_usd": 0.5, "state": "warning"},
            rate_limits=[{"dependency": "firecrawl", "window": "day", "limit": 600, "remaining": 12}],
        )
    )


@pytest.fixture
async def documents() -> FixedDocuments:
    return everything(EVERY_STATE)


@pytest.fixture
async def url(documents: FixedDocuments, aiohttp_server: Any) -> str:
    events = Events(documents)  # type: ignore[arg-type]
    app = web.Application()
    app.add_routes(
        PageRoutes(documents, past(documents.document["dependencies"], changes=6), events).table()  # type: ignore[arg-type]
    )

    async def end_streams(_app: web.Application) -> None:
        events.close()

    app.on_shutdown.append(end_streams)
    server = await aiohttp_server(app)
    return str(server.make_url("/"))


async def violations(page: Page) -> list[str]:
    found = await Axe().run(page)
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found.response["violations"]]


async def overflows(page: Page) -> int:
    wider: int = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return max(0, wider)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["healthy", "degraded", "unhealthy", "lost"])
async def test_axe_finds_nothing(
    browser: Browser, url: str, documents: FixedDocuments, scheme: Any, state: str
) -> None:
    if state != "lost":
        documents.document = {**documents.document, "status": state}
    context = await browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(url)
    await expect(page.locator("health-badge").get_by_role("button")).not_to_contain_text("Connecting")
    if state == "lost":
        await page.evaluate("document.body.className = 'lost'")
    assert await violations(page) == []
    await page.locator("health-badge").get_by_role("button").click()
    assert await violations(page) == []
    await context.close()


async def test_the_partial_has_no_violation_either(page: Page, url: str) -> None:
    partial = await (await page.request.get(f"{url}partials/health_status.html")).text()
    await page.set_content(f"<html lang=en><title>Host</title><main><h1>Host</h1>{partial}</main></html>")
    await page.locator("summary").click()
    assert await violations(page) == []


async def test_the_keyboard_reaches_and_leaves_the_panel(page: Page, url: str) -> None:
    await page.goto(url)
    button = page.locator("health-badge").get_by_role("button")
    await expect(button).to_contain_text("Degraded")
    focused = "() => document.activeElement.localName"
    await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_have_text("Skip to the dependencies")
    for _ in range(10):
        await page.keyboard.press("Tab")
        if await page.evaluate(focused) == "health-badge":
            break
    await expect(button).to_be_focused()
    for key in ("Enter", "Space"):
        await page.keyboard.press(key)
        panel = page.locator("health-badge").get_by_role("dialog", name="Health of every dependency")
        await expect(panel).to_be_visible()
        await expect(button).to_have_attribute("aria-expanded", "true")
        await expect(panel.get_by_role("listitem")).to_have_count(len(EVERY_STATE))
        await page.keyboard.press("Escape")
        await expect(panel).to_be_hidden()
        await expect(button).to_be_focused()
        await expect(button).to_have_attribute("aria-expanded", "false")


async def test_a_change_is_announced_politely_and_once(
    page: Page, url: str, documents: FixedDocuments
) -> None:
    await page.goto(url)
    live = page.locator("health-badge").get_by_role("status")
    await expect(live).to_contain_text("Degraded.")
    await page.evaluate(
        "window.said = []; new MutationObserver(() => said.push(1)).observe("
        "document.querySelector('health-badge').shadowRoot.querySelector('[role=status]'),"
        "{childList: true, characterData: true, subtree: true})"
    )
    checked = {**EVERY_STATE, "mongodb": row("up", critical=True, latency_seconds=0.5)}
    documents.document = {**documents.document, "dependencies": checked}
    await expect(page.locator("#dependency-mongodb")).to_contain_text("0.5 s", timeout=4000)
    assert await page.evaluate("said.length") == 0
    documents.document = {**documents.document, "status": "healthy", "summary": "all is well"}
    await expect(live).to_have_text("Healthy. all is well", timeout=4000)
    assert await page.evaluate("said.length") == 1


async def test_focus_and_selection_survive_an_update(page: Page, url: str, documents: FixedDocuments) -> None:
    await page.goto(url)
    await expect(page.locator("health-badge").get_by_role("button")).to_contain_text("Degraded")
    await page.evaluate("window.kept = document.getElementById('dependency-mongodb')")
    checked = {**EVERY_STATE, "pdf_service": row("down", reason="dns")}
    documents.document = {**documents.document, "dependencies": checked}
    await expect(page.locator("#dependency-pdf_service")).to_contain_text("resolved", timeout=4000)
    assert await page.evaluate("kept.isConnected"), "a row that did not change was replaced"


@pytest.mark.parametrize("names", [list(EVERY_STATE), HOSTILE], ids=["ordinary", "hostile"])
@pytest.mark.parametrize("width", [320, 640, 1280, 2560])
async def test_nothing_is_wider_than_the_screen(
    browser: Browser, url: str, documents: FixedDocuments, width: int, names: list[str]
) -> None:
    """320 px, and 1280 px at 200 and 400 %."""
    rows = {name: EVERY_STATE.get(name, row("down", reason=name)) for name in names}
    documents.document = everything(rows).document
    page = await browser.new_page(viewport={"width": width, "height": 800})
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await page.goto(url)
    button = page.locator("health-badge").get_by_role("button")
    await expect(button).to_contain_text("Degraded")
    assert await overflows(page) == 0
    await button.click()
    panel = page.locator("health-badge").get_by_role("dialog")
    box = await panel.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert await panel.evaluate("panel => panel.scrollWidth - panel.clientWidth") <= 0
    assert await panel.locator("script, img, b").count() == 0
    assert dialogs == []
    for name in names:
        shown = " ".join(name.replace("\u202e", "\ufffd").split())
        await expect(panel.get_by_role("listitem").filter(has_text=shown)).not_to_have_count(0)
    await page.close()


async def test_who_wants_little_motion_sees_none(browser: Browser, url: str) -> None:
    context = await browser.new_context(reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(url)
    moving = await page.evaluate(
        "[...document.querySelectorAll('*')]"
        ".filter(one => one.checkVisibility()).map(one => getComputedStyle(one))"
        ".filter(style => style.animationName !== 'none' || style.transitionDuration !== '0s').length"
    )
    assert moving == 0
    await context.close()


async def test_two_hundred_dependencies_are_shown_in_under_a_second(
    page: Page, url: str, documents: FixedDocuments
) -> None:
    names = [f"dependency_{number}" for number in range(200)]
    documents.document = everything(dict.fromkeys(names, row())).document
    await page.goto(url)
    await expect(page.locator("#dependency-dependency_199")).to_be_visible()
    await page.reload()
    usable_ms = await page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
    assert usable_ms < 1000


async def test_where_no_stream_can_be_had_the_badge_asks_now_and_then(
    page: Page, documents: FixedDocuments, aiohttp_server: Any
) -> None:
    """As many listen as may, or a proxy lets no stream through."""

    async def health_status(_: web.Request) -> web.Response:
        return web.json_response(documents.document)

    app = web.Application()
    refusing = Events(documents, max_clients=0)  # type: ignore[arg-type]
    app.add_routes(PageRoutes(documents, past(), refusing).table())  # type: ignore[arg-type]
    app.router.add_get("/api/health/status", health_status)
    await page.goto(str((await aiohttp_server(app)).make_url("/")))
    button = page.locator("health-badge").get_by_role("button")
    await expect(button).to_contain_text("Degraded")
    documents.document = {**documents.document, "status": "healthy"}
    await expect(button).to_contain_text("Healthy", timeout=8000)
