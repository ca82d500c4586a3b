"""Who gets what: types, headers, caching, and the stream over a connection."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from aiohttp import web

from sidecar.cors import allow_origins
from sidecar.events import Events
from sidecar.page.assets import asset_path, assets
from sidecar.page.routes import PageRoutes
from tests.sidecar.page.documents import FixedDocuments, document, past, row

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGES = ["/", "/partials/health_status.html"]


@pytest.fixture
def documents() -> FixedDocuments:
    down = row("down", reason="timeout")
    rows = {"mongodb": row(), "pdf_service": down}
    return FixedDocuments(document("degraded", summary="pdf_service is down (timeout)", dependencies=rows))


@pytest.fixture
async def client(documents: FixedDocuments, aiohttp_client: Any) -> Any:
    events = Events(documents, max_clients=1)  # type: ignore[arg-type]
    routes = PageRoutes(documents, past(), events, paths="/metrics\n")  # type: ignore[arg-type]
    app = web.Application()
    allow_origins(app, lambda: ("https://app.example",))
    app.add_routes(routes.table())
    return await aiohttp_client(app)


async def test_browsers_get_the_page_and_others_text(client: Any) -> None:
    answer = await client.get("/", headers=HTML)
    assert answer.content_type == "text/html"
    assert "<h1>Degraded</h1>" in await answer.text()
    answer = await client.get("/")
    assert answer.content_type == "text/plain"
    assert await answer.text() == "pipeline-sidecar: degraded: pdf_service is down (timeout)\n\n/metrics\n"
    assert "Accept" in answer.headers.getall("Vary")


@pytest.mark.parametrize("path", PAGES)
async def test_pages_run_nothing_but_their_own(client: Any, path: str) -> None:
    headers = (await client.get(path, headers=HTML)).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [*PAGES, "/static/health-badge.js"])
async def test_what_is_fetched_is_compressed_for_who_accepts_it(client: Any, path: str) -> None:
    compressed = await client.get(path, headers={**HTML, "Accept-Encoding": "gzip"})
    plain = await client.get(path, headers={**HTML, "Accept-Encoding": "identity"})
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert await compressed.text() == await plain.text()
    for answer in (compressed, plain):
        assert "Accept-Encoding" in answer.headers.getall("Vary")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/badge.svg", 200, "pipeline: degraded"),
        ("/badge/mongodb.svg", 200, "mongodb: up"),
        ("/badge/pdf_service.svg", 200, "pdf_service: down"),
        ("/badge/nothing.svg", 404, "pipeline: no such dependency"),
    ],
)
async def test_badges_are_images_that_nobody_keeps(client: Any, path: str, status: int, words: str) -> None:
    answer = await client.get(path)
    assert (answer.status, answer.content_type) == (status, "image/svg+xml")
    assert f'aria-label="{words}"' in await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'"


async def test_shields_is_answered(client: Any) -> None:
    assert await (await client.get("/badge.json")).json() == {
        "schemaVersion": 1,
        "label": "pipeline",
        "message": "degraded",
        "color": "yellow",
    }


async def test_the_element_is_for_every_page_and_kept_as_long_as_it_is_the_same(client: Any) -> None:
    answer = await client.get("/static/health-badge.js")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    known = {"If-None-Match": answer.headers["ETag"]}
    assert (await client.get("/static/health-badge.js", headers=known)).status == 304
    tagged = await client.get("/" + asset_path("health-badge.js"))
    assert "immutable" in tagged.headers["Cache-Control"]
    assert (await client.get("/static/words.py")).status == 404
    assert (await client.get("/static/..%2fwords.py")).status == 404


def test_the_element_is_served_with_its_words() -> None:
    text = assets()["health-badge.js"].body.decode()
    served = json.loads(re.search(r"const SERVED = (.*?);? //", text)[1].rstrip(";"))  # type: ignore[index]
    assert served["words"]["reasons"]["timeout"] == "did not answer in time"
    assert len(served["marks"]) == 4


async def test_the_stream_is_one_of_events_that_nobody_keeps(client: Any, documents: FixedDocuments) -> None:
    async with client.get("/events", headers={"Origin": "https://app.example"}) as answer:
        assert answer.content_type == "text/event-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert await answer.content.readuntil(b"\n\n") == b"retry: 1000\n\n"
        fields = (await answer.content.readuntil(b"\n\n")).decode().splitlines()
        assert fields[1] == "event: document"
        assert json.loads(fields[2].removeprefix("data: ")) == documents.document
        refused = await client.get("/events")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "10")


async def test_a_stream_is_sent_to_no_other_origin(client: Any) -> None:
    async with client.get("/events", headers={"Origin": "https://evil.example"}) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
