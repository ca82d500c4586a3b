"""What holds for every kind that asks a provider with a key, against the stand-ins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import BaseTestServer, TestServer

from sidecar.probes import (
    AnthropicProbe,
    FirecrawlProbe,
    OpenaiProbe,
    OpenrouterProbe,
    Probe,
    ProbeResult,
    Reason,
)
from tests.sidecar.probes.targets import refusing, stand_in

KEY = "s3cr3t-api-key"
PATHS: dict[type[Probe[Any]], str] = {
    FirecrawlProbe: "",
    OpenrouterProbe: "/api/v1",
    OpenaiProbe: "/v1",
    AnthropicProbe: "",
}
"""The kinds, and what their base URL has behind the stand-in's address."""

EVERY_KIND = pytest.mark.parametrize("kind", PATHS, ids=lambda kind: kind.kind)


async def probe(kind: type[Probe[Any]], origin: str, **options: Any) -> ProbeResult:
    options = {"api_key": KEY, "url": origin + PATHS[kind], "timeout_seconds": 1.0} | options
    return await kind(kind.kind, kind.options_type.model_validate(options)).run()


def origin_of(server: BaseTestServer) -> str:
    return str(server.make_url("/")).rstrip("/")


@asynccontextmanager
async def answering(body: bytes | str, status: int = 200) -> AsyncIterator[str]:
    """A server that answers every request so."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield origin_of(server)


@EVERY_KIND
async def test_the_provider_takes_the_key_at_no_cost(kind: type[Probe[Any]]) -> None:
    async with stand_in(kind.kind) as server:
        result = await probe(kind, origin_of(server))
        async with ClientSession() as session, session.get(server.make_url("/_calls")) as answer:
            seen = await answer.json()
    assert result.success
    assert result.http is not None
    assert result.http.status_code == 200
    assert sum(call.get("cost_usd", 0) for call in seen.values() if isinstance(call, dict)) == 0


@EVERY_KIND
async def test_a_refusal_has_its_reason(kind: type[Probe[Any]]) -> None:
    reasons = {
        401: Reason.AUTH,
        402: Reason.QUOTA,
        403: Reason.AUTH,
        404: Reason.STATUS,
        429: Reason.QUOTA,
        500: Reason.STATUS,
        529: Reason.STATUS,
    }
    seen = {}
    async with stand_in(kind.kind) as server, ClientSession() as session:
        for status in reasons:
            fault = {"mode": "fail", "status": status}
            async with session.put(server.make_url("/_fault"), json=fault):
                result = await probe(kind, origin_of(server))
            assert result.detail == f"status {status}"
            seen[status] = result.reason
    assert seen == reasons


@EVERY_KIND
async def test_a_provider_that_hangs_is_timeout(kind: type[Probe[Any]]) -> None:
    async with stand_in(kind.kind) as server, ClientSession() as session:
        async with session.put(server.make_url("/_fault"), json={"mode": "hang"}):
            pass
        result = await probe(kind, origin_of(server), timeout_seconds=0.03)
    assert result.reason is Reason.TIMEOUT


@EVERY_KIND
async def test_nobody_listening_is_connect(kind: type[Probe[Any]]) -> None:
    with refusing() as port:
        assert (await probe(kind, f"http://127.0.0.1:{port}")).reason is Reason.CONNECT


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\0",
        "<!DOCTYPE html>",
        "null",
        "[]",
        "1" * 5000,
        "{}",
        '{"data": null}',
        '{"data": "many"}',
        "[" * 100_000,
        '{"data":' * 10_000,
    ],
    ids=lambda body: repr(body[:16]),
)
async def test_an_answer_in_another_form_is_body(body: bytes | str) -> None:
    async with answering(body) as origin:
        seen = {kind.kind: (await probe(kind, origin)).reason for kind in PATHS}
    assert seen == dict.fromkeys(seen, Reason.BODY)


@EVERY_KIND
async def test_what_the_provider_says_is_not_shown(kind: type[Probe[Any]]) -> None:
    for status in (200, 401, 429, 500):
        async with answering(f'{{"error": {{"message": "Incorrect API key: {KEY}"}}}}', status) as origin:
            result = await probe(kind, origin)
        assert not result.success
        assert KEY not in repr(result)


@EVERY_KIND
async def test_a_redirect_is_not_followed_with_the_key(kind: type[Probe[Any]]) -> None:
    async def redirect(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "http://127.0.0.1:1/"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", redirect)
    async with TestServer(app) as server:
        assert (await probe(kind, origin_of(server))).reason is Reason.STATUS


@EVERY_KIND
def test_the_key_is_in_no_repr(kind: type[Probe[Any]]) -> None:
    assert KEY not in repr(kind.options_type.model_validate({"api_key": KEY}))
