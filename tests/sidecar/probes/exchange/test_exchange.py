from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import zlib
from typing import Any

import pytest

from sidecar.probes import Findings, ProbeFailure, Reason
from sidecar.probes.exchange import Answer, Proxy, Request, Route, exchange
from sidecar.probes.exchange.certificate import expiry
from sidecar.probes.exchange.target import parse
from tests.sidecar.probes.certificates import LATER, authority, certificate, serving_with
from tests.sidecar.probes.exchange.targets import OK, Behaviour, behaving, saying

BASIC = "Basic " + base64.b64encode(b"me:s3cr3t").decode()


class ProxyServer:
    """Tunnels what asks for it, answers the rest itself, and remembers the requests."""

    def __init__(self, refusal: bytes = b"") -> None:
        self.heads: list[bytes] = []
        self._refusal = refusal

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if self._refusal:
            writer.write(self._refusal)
        elif head.startswith(b"CONNECT "):
            host, _, port = head.split(b" ")[1].decode().rpartition(":")
            there_reader, there_writer = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            with contextlib.closing(there_writer):
                await asyncio.gather(_pipe(reader, there_writer), _pipe(there_reader, writer))
        else:
            writer.write(OK)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
        writer.write_eof()


async def ask(url: str, findings: Findings | None = None, **route: Any) -> Answer:
    async with asyncio.timeout(5):
        return await exchange(Request(url), Route(**route), findings or Findings())


async def test_plain_http_goes_through_a_proxy_as_it_is() -> None:
    proxy = ProxyServer()
    async with behaving(proxy, after_request=False) as port:
        answer = await ask("http://target.example/a?b", proxy=Proxy("127.0.0.1", port, BASIC))
    assert answer.body == b"ok\n"
    assert proxy.heads[0].startswith(b"GET http://target.example/a?b HTTP/1.1\r\nHost: target.example\r\n")
    assert b"Proxy-Authorization: " + BASIC.encode() in proxy.heads[0]


async def test_https_goes_through_a_tunnel_that_sees_no_header_of_it() -> None:
    trusting = ssl.create_default_context()
    authority().configure_trust(trusting)
    proxy = ProxyServer()
    async with (
        behaving(saying(OK), tls=serving_with(certificate("localhost"))) as target,
        behaving(proxy, after_request=False) as port,
    ):
        answer = await ask(
            f"https://localhost:{target}/a?b", tls=trusting, proxy=Proxy("127.0.0.1", port, BASIC)
        )
    assert answer.body == b"ok\n"
    assert len(proxy.heads) == 1
    assert proxy.heads[0].startswith(b"CONNECT localhost:%d HTTP/1.1\r\n" % target)
    assert b"/a?b" not in proxy.heads[0]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_refuses_is_connect(scheme: str) -> None:
    proxy = ProxyServer(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
    async with behaving(proxy, after_request=False) as port:
        with pytest.raises(ProbeFailure) as failed:
            await ask(f"{scheme}://target.example/", proxy=Proxy("127.0.0.1", port))
    assert failed.value.reason is Reason.CONNECT
    assert failed.value.detail == "the proxy refused with 407"


def compressed(window_bits: int, text: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, window_bits)
    return packer.compress(text) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (b"gzip", compressed(31, b"text")),
        (b"x-gzip", compressed(31, b"te") + compressed(31, b"xt")),
        (b"gzip", compressed(31, b"text") + bytes(8)),
        (b"deflate", compressed(15, b"text")),
        (b"deflate", compressed(-15, b"text")),
        (b"identity", b"text"),
    ],
)
async def test_a_body_is_decompressed(encoding: bytes, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body))
    async with behaving(saying(head, body)) as port:
        assert (await ask(f"http://127.0.0.1:{port}/")).body == b"text"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.0 200 OK\r\n\r\ntext",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nte\r\n2\r\nxt\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntext",
    ],
)
async def test_a_body_ends_in_each_of_the_ways_of_http(raw: bytes) -> None:
    async with behaving(saying(raw)) as port:
        assert (await ask(f"http://127.0.0.1:{port}/")).body == b"text"


async def test_headers_are_in_lower_case_and_joined() -> None:
    async with behaving(saying(b"HTTP/1.1 204 No\r\nVia: a\r\nX-U: b\r\nvia: c\r\n\r\n")) as port:
        answer = await ask(f"http://127.0.0.1:{port}/")
    assert answer.headers == {"via": "a, c", "x-u": "b"}


async def test_an_answer_that_comes_before_the_body_is_sent_counts() -> None:
    early: Behaviour = saying(b"HTTP/1.1 413 Too Long\r\nContent-Length: 0\r\n\r\n")
    async with behaving(early) as port, asyncio.timeout(5):
        request = Request(f"http://127.0.0.1:{port}/", "POST", body=bytes(1000))
        assert (await exchange(request, Route(), Findings())).status == 413


async def test_a_header_that_cannot_be_sent_is_a_failure_that_does_not_show_it() -> None:
    async with behaving(saying(OK)) as port:
        request = Request(f"http://127.0.0.1:{port}/", headers={"X-Key": "s3cr3t\r\nX: y"})
        with pytest.raises(ProbeFailure) as failed:
            await exchange(request, Route(), Findings())
    assert failed.value.reason is Reason.INTERNAL
    assert "s3cr3t" not in repr(failed.value)


def test_a_request_shows_nothing_secret() -> None:
    request = Request("http://h/?s3cr3t", headers={"X": "s3cr3t"}, body=b"s3cr3t")
    assert "s3cr3t" not in repr((request, Proxy("h", 1, "s3cr3t"), Answer(200, {"x": "s3cr3t"}, b"s3cr3t")))


@pytest.mark.parametrize(
    ("url", "host_header", "path"),
    [
        ("http://h", "h", "/"),
        ("http://h:80/a?b#c", "h", "/a?b"),
        ("https://h:80/", "h:80", "/"),
        ("http://[::1]:8080/", "[::1]:8080", "/"),
        ("http://bücher.example/ä b?ü", "xn--bcher-kva.example", "/%C3%A4%20b?%C3%BC"),
        ("http://h/%20?a%2Fb", "h", "/%20?a%2Fb"),
    ],
)
def test_a_url_is_taken_apart(url: str, host_header: str, path: str) -> None:
    target = parse(url)
    assert (target.host_header, target.path) == (host_header, path)


def test_a_certificate_s_expiry_is_read_from_its_der() -> None:
    pem = certificate("localhost").cert_chain_pems[0].bytes().decode()
    assert expiry(ssl.PEM_cert_to_DER_cert(pem)) == LATER.timestamp()


@pytest.mark.parametrize("der", [b"", b"0", b"garbage", bytes(100), b"\x30\x84\xff\xff\xff\xff" * 9])
def test_what_is_no_certificate_expires_never(der: bytes) -> None:
    assert expiry(der) is None
