from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import ValidationError

from sidecar.probes import HttpOptions, HttpProbe, Phase, ProbeResult, Reason


async def probe(url: str, **options: Any) -> ProbeResult:
    return await HttpProbe("target", HttpOptions(url=url, **options)).run()


@asynccontextmanager
async def answering(handler: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


def status(code: int) -> Callable[[web.Request], Any]:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=code)

    return handler


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (200, None),
        (204, None),
        (301, Reason.STATUS),
        (401, Reason.AUTH),
        (403, Reason.AUTH),
        (404, Reason.STATUS),
        (429, Reason.QUOTA),
        (500, Reason.STATUS),
    ],
)
async def test_the_status_code_decides(code: int, reason: Reason | None) -> None:
    async with answering(status(code)) as url:
        result = await probe(url)
    assert result.reason is reason
    assert result.http is not None
    assert result.http.status_code == code


async def test_accepted_codes_are_the_ones_that_are_configured() -> None:
    async with answering(status(404)) as url:
        assert (await probe(url, accepted_status_codes=(404,))).success
    async with answering(status(200)) as url:
        assert (await probe(url, accepted_status_codes=(404,))).reason is Reason.STATUS


async def test_method_and_headers_are_sent() -> None:
    seen: list[tuple[str, str | None]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.headers.get("X-Key")))
        return web.Response()

    async with answering(handler) as url:
        await probe(url, method="HEAD", headers={"X-Key": "secret"})
    assert seen == [("HEAD", "secret")]


async def test_every_run_opens_a_fresh_connection() -> None:
    peers: set[Any] = set()

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response()

    async with answering(handler) as url:
        target = HttpProbe("target", HttpOptions(url=url))
        await target.run()
        await target.run()
    assert len(peers) == 2


async def test_phases_add_up_to_no_more_than_the_whole() -> None:
    async with answering(status(200)) as url:
        result = await probe(url.replace("127.0.0.1", "localhost"))
    assert result.http is not None
    assert {Phase.CONNECT, Phase.PROCESSING, Phase.TRANSFER} <= set(result.http.phase_seconds)
    assert sum(result.http.phase_seconds.values()) <= result.duration_seconds


async def test_a_body_past_the_limit_is_refused_after_decompression() -> None:
    async def bomb(_: web.Request) -> web.Response:
        return web.Response(
            body=gzip.compress(bytes(3_000_000)),
            headers={"Content-Encoding": "gzip"},
        )

    async with answering(bomb) as url:
        assert (await probe(url)).reason is Reason.BODY
        assert (await probe(url, max_body_bytes=4_000_000)).success


async def test_a_body_is_sent() -> None:
    seen: list[tuple[str, str, str | None]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, await request.text(), request.headers.get("Content-Type")))
        return web.Response()

    async with answering(handler) as url:
        result = await probe(
            url, method="POST", body='{"key": "s3cr3t"}', headers={"Content-Type": "application/json"}
        )
    assert seen == [("POST", '{"key": "s3cr3t"}', "application/json")]
    assert "s3cr3t" not in repr(result)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"username": "me", "password": "pässword"}, "Basic bWU6cMOkc3N3b3Jk"),
        ({"bearer_token": "s3cr3t"}, "Bearer s3cr3t"),
        ({"headers": {"Authorization": "Token s3cr3t"}}, "Token s3cr3t"),
    ],
)
async def test_it_authenticates(options: dict[str, Any], sent: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=200 if request.headers.get("Authorization") == sent else 401)

    async with answering(handler) as url:
        assert (await probe(url, **options)).success
        assert (await probe(url)).reason is Reason.AUTH
    assert "s3cr3t" not in repr(HttpOptions(url=url, **options))


async def test_a_redirect_is_followed_up_to_the_limit() -> None:
    async def handler(request: web.Request) -> web.Response:
        left = int(request.query.get("left", "2"))
        if left:
            return web.Response(status=302, headers={"Location": f"/?left={left - 1}"})
        return web.Response()

    async with answering(handler) as url:
        assert (await probe(url)).success
        assert (await probe(url, max_redirects=2)).success
        assert (await probe(url, max_redirects=1)).reason is Reason.PROTOCOL
        assert (await probe(url, max_redirects=0)).reason is Reason.STATUS


async def test_a_redirect_that_is_accepted_is_not_followed() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with answering(handler) as url:
        result = await probe(url, accepted_status_codes=(302,))
    assert result.success


async def test_the_trace_tells_the_steps_without_path_query_and_headers() -> None:
    async with answering(status(200)) as url:
        result = await probe(f"{url}?key=s3cr3t", headers={"X-Key": "s3cr3t"})
    port = url.rstrip("/").rpartition(":")[2]
    assert [event.text for event in result.trace] == [
        f"connecting to 127.0.0.1:{port}",
        "answered 200",
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"username": "me"},
        {"password": "secret"},
        {"username": "me", "password": "secret", "bearer_token": "secret"},
        {"bearer_token": "secret", "headers": {"authorization": "secret"}},
        {"bearer_token": "two\nlines"},
        {"method": "HEAD", "body_must_match": "ok"},
        {"json_must_exist": ("$.a",), "max_body_bytes": 8 * 1024 * 1024},
        {"proxy": "https://proxy:3128"},
        {"proxy": "http://proxy:3128/path"},
        {"proxy_username": "me", "proxy_password": "secret"},
        {"proxy": "http://proxy:3128", "proxy_username": "me"},
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        HttpOptions(url="http://localhost/", **options)
    assert "secret" not in str(refused.value)
