"""What a person sees while dependencies, and the sidecar itself, die and come back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.e2e.conftest import Start
from tests.e2e.frontend.conftest import NOBODY, configuration, new_sidecar
from tests.e2e.servers import Sidecar, StandIn

WITHIN_SECONDS = 2.0
"""Of the registry knowing."""

LOST_WITHIN_MS = 4_000
SILENT_WITHIN_MS = 12_000
BACK_WITHIN_MS = 10_000


def badge(page: Page) -> Locator:
    return page.locator("health-badge").get_by_role("button")


async def colour(page: Page) -> str:
    got: str = await badge(page).evaluate("button => getComputedStyle(button).borderColor")
    return got


async def shape(page: Page) -> str:
    got: str = await badge(page).evaluate("button => button.querySelector('.outline').getAttribute('d')")
    return got


async def shows(page: Page, word: str, known_at: float) -> None:
    left_seconds = WITHIN_SECONDS - (time.monotonic() - known_at)
    await expect(badge(page)).to_contain_text(word, timeout=max(1.0, left_seconds * 1000))


@pytest.fixture
async def stand_in(start: Start, tmp_path: Path) -> StandIn:
    return await start(StandIn(tmp_path / "stand-in", "pdf_service"))


@pytest.fixture
async def sidecar(start: Start, tmp_path: Path, stand_in: StandIn, host: str) -> Sidecar:
    return await start(new_sidecar(tmp_path / "sidecar", configuration(stand_in, origins=(host,))))


@pytest.mark.parametrize("place", ["its own page", "another origin"])
async def test_a_dependency_that_dies_and_comes_back_is_seen_without_a_reload(
    page: Page, sidecar: Sidecar, stand_in: StandIn, host: str, place: str
) -> None:
    own = place == "its own page"
    await page.goto(sidecar.url if own else f"{host}/?{sidecar.url}")
    await expect(badge(page)).to_contain_text("Healthy")
    healthy = await colour(page), await shape(page)
    await page.evaluate("window.neverReloaded = true")

    await stand_in.kill()
    await sidecar.wait_for("pdf_service", "down", timeout_seconds=5)
    await shows(page, "Unhealthy", time.monotonic())
    unhealthy = await colour(page), await shape(page)
    assert healthy[0] != unhealthy[0]
    assert healthy[1] != unhealthy[1]
    await badge(page).press("Enter")
    row = page.locator("health-badge").get_by_role("listitem").filter(has_text="pdf_service")
    await expect(row).to_contain_text("down")
    await expect(row).to_contain_text("could not be connected to")
    await expect(row.locator("time")).to_contain_text("s ago")
    if own:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Unhealthy")
        shown = page.locator("#dependency-pdf_service")
        await expect(shown).to_contain_text("could not be connected to")
        await expect(page.locator("#changes")).to_contain_text("pdf_service up → down")
        assert await page.title() == "Unhealthy · pipeline-sidecar"

    await stand_in.start()
    await sidecar.wait_for("pdf_service", "up", timeout_seconds=8)
    await shows(page, "Healthy", time.monotonic())
    await expect(row).to_contain_text("up")
    assert await page.evaluate("window.neverReloaded") is True


@pytest.mark.parametrize("place", ["its own page", "another origin"])
async def test_a_sidecar_that_dies_is_no_green_badge_and_comes_back_by_itself(
    page: Page, sidecar: Sidecar, host: str, place: str
) -> None:
    own = place == "its own page"
    await page.goto(sidecar.url if own else f"{host}/?{sidecar.url}")
    await expect(badge(page)).to_contain_text("Healthy")
    green = await colour(page)
    await sidecar.kill()
    await expect(badge(page)).to_contain_text("No data since", timeout=LOST_WITHIN_MS)
    assert await colour(page) != green
    if own:
        await expect(page.get_by_role("heading", level=1)).to_contain_text("No data since")
        await expect(page.locator("body")).to_have_class("lost")
        assert await page.title() == "No data · pipeline-sidecar"
    await badge(page).click()
    await expect(page.locator("health-badge").get_by_role("dialog")).to_contain_text("does not answer")
    await sidecar.start()
    await expect(badge(page)).to_contain_text("Healthy", timeout=BACK_WITHIN_MS)
    if own:
        await expect(page.get_by_role("heading", level=1)).to_have_text("Healthy")
        await expect(page.locator("body")).not_to_have_class("lost")


async def test_a_sidecar_that_hangs_is_noticed_too(page: Page, sidecar: Sidecar) -> None:
    await page.goto(sidecar.url)
    await expect(badge(page)).to_contain_text("Healthy")
    await sidecar.stop_process()
    await expect(badge(page)).to_contain_text("No data since", timeout=SILENT_WITHIN_MS)
    sidecar.continue_process()
    await expect(badge(page)).to_contain_text("Healthy", timeout=BACK_WITHIN_MS)


async def test_a_sidecar_that_was_never_there_is_no_data(page: Page, sidecar: Sidecar, host: str) -> None:
    await page.goto(f"{host}/?{sidecar.url}")
    await expect(badge(page)).to_contain_text("Healthy")
    await page.evaluate(f"document.querySelector('health-badge').setAttribute('src', '{NOBODY}')")
    await expect(badge(page)).to_contain_text("No data", timeout=LOST_WITHIN_MS)
    await page.evaluate(f"document.querySelector('health-badge').setAttribute('src', '{sidecar.url}')")
    await expect(badge(page)).to_contain_text("Healthy", timeout=LOST_WITHIN_MS)


async def test_badges_of_one_page_share_one_connection(page: Page, sidecar: Sidecar) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(sidecar.url)
    await page.evaluate(
        "for (let i = 0; i < 5; i++) document.querySelector('header').append("
        "document.createElement('health-badge'))"
    )
    await expect(page.locator("health-badge")).to_have_count(6)
    for number in range(6):
        await expect(page.locator("health-badge").nth(number).get_by_role("button")).to_contain_text(
            "Healthy"
        )
    assert sum(url.endswith("/events") for url in asked) == 1


async def test_without_javascript_page_and_partial_tell_the_same(browser: Browser, sidecar: Sidecar) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(sidecar.url)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Healthy")
    await expect(page.locator("#dependency-pdf_service")).to_contain_text("up")
    await page.get_by_role("link", name="Healthy").click()
    await page.locator("summary").click()
    await expect(page.get_by_role("listitem")).to_contain_text("pdf_service up")
    await context.close()
