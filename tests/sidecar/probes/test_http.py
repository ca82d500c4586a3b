from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from sidecar.probes import HttpOptions, HttpProbe, Phase, ProbeResult, Reason


async def probe(url: str, **options: Any) -> ProbeResult:
    return await HttpProbe("target", HttpOptions(url=url, **options)).run()


@asynccontextmanager
async def answering(handler: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


@asynccontextmanager
async def saying(raw: bytes) -> AsyncIterator[str]:
    """A server that answers any request with these bytes and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


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


async def test_a_refused_connection_is_connect() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = await probe(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert result.reason is Reason.CONNECT
    assert result.http is not None
    assert result.http.status_code == 0


async def test_a_name_that_does_not_resolve_is_dns() -> None:
    assert (await probe("http://no-such-host.invalid/")).reason is Reason.DNS


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"garbage\r\n\r\n", Reason.PROTOCOL),
        (b"", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", Reason.BODY),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n", Reason.PROTOCOL),
    ],
)
async def test_what_is_no_proper_answer_has_its_reason(raw: bytes, reason: Reason) -> None:
    async with saying(raw) as url:
        assert (await probe(url)).reason is reason


async def test_a_body_past_the_limit_is_refused_after_decompression() -> None:
    async def bomb(_: web.Request) -> web.Response:
        return web.Response(
            body=gzip.compress(bytes(3_000_000)),
            headers={"Content-Encoding": "gzip"},
        )

    async with answering(bomb) as url:
        assert (await probe(url)).reason is Reason.BODY
        assert (await probe(url, max_body_bytes=4_000_000)).success


async def test_a_certificate_nobody_vouches_for_is_tls() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        result = await probe(f"https://localhost:{server.sockets[0].getsockname()[1]}/")
    assert result.reason is Reason.TLS


async def test_a_detail_holds_neither_url_nor_header() -> None:
    result = await probe("http://no-such-host.invalid/?key=s3cr3t", headers={"X-Key": "s3cr3t"})
    assert "s3cr3t" not in repr(result)
