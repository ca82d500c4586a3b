from __future__ import annotations

import asyncio
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from sidecar.probes import ProbeResult, Reason, TcpOptions, TcpProbe
from sidecar.probes.tcp import MAX_RECEIVED_BYTES
from tests.sidecar.probes.targets import refusing, saying, serving, silent

NOT_AFTER = datetime(2038, 1, 1, tzinfo=UTC)


async def probe(port: int, *, host: str = "127.0.0.1", **options: Any) -> ProbeResult:
    options = {"address": f"{host}:{port}", "timeout_seconds": 1.0} | options
    return await TcpProbe("target", TcpOptions.model_validate(options)).run()


async def test_a_target_that_accepts_is_up() -> None:
    async with serving(silent) as port:
        assert (await probe(port)).success


async def test_nobody_listening_is_connect() -> None:
    with refusing() as port:
        assert (await probe(port)).reason is Reason.CONNECT


async def test_a_name_that_does_not_resolve_is_dns() -> None:
    assert (await probe(80, host="no-such-host.invalid")).reason is Reason.DNS


async def test_what_is_sent_can_be_answered() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"+" + await reader.readline())
        await silent(reader, writer)

    async with serving(echo) as port:
        assert (await probe(port, send="PING\r\n", expect="^\\+PING")).success
        result = await probe(port, send="PING\r\n", expect="^-", timeout_seconds=0.05)
    assert result.reason is Reason.TIMEOUT


async def test_what_is_expected_may_come_in_pieces() -> None:
    async with serving(saying(b"22", b"0 mail", b" ready\r\n")) as port:
        assert (await probe(port, expect="^220 mail ready")).success


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", Reason.PROTOCOL),
        (b"554 go away\r\n", Reason.BODY),
        (b"\xff\x00" * MAX_RECEIVED_BYTES, Reason.BODY),
    ],
)
async def test_what_is_not_expected_has_its_reason(said: bytes, reason: Reason) -> None:
    async with serving(saying(said)) as port:
        assert (await probe(port, expect="^220 ")).reason is reason


async def test_a_silent_target_is_up_unless_something_is_expected() -> None:
    async with serving(silent) as port:
        assert (await probe(port, send="PING\r\n")).success
        assert (await probe(port, expect="x", timeout_seconds=0.02)).reason is Reason.TIMEOUT


async def test_a_connection_that_is_reset_is_protocol() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async with serving(reset) as port:
        assert (await probe(port, send="PING" * 1000, expect="x")).reason is Reason.PROTOCOL


async def test_no_text_makes_an_expression_explode() -> None:
    async with serving(saying(b"a" * MAX_RECEIVED_BYTES)) as port:
        started = time.process_time()
        assert (await probe(port, expect="^(a|a)*(a+)+b")).reason is Reason.BODY
        assert time.process_time() - started < 0.5


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def context_for(authority: trustme.CA, *names: str, not_after: datetime = NOT_AFTER) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=not_after).configure_cert(context)
    return context


async def test_tls_tells_when_the_certificate_expires(authority: trustme.CA, ca_file: Path) -> None:
    async with serving(saying(b"hello\n"), context_for(authority, "127.0.0.1")) as port:
        result = await probe(port, tls=True, ca_file=ca_file, expect="^hello$|^hello\n")
    assert result.success
    assert result.certificate_expiry_timestamp_seconds == NOT_AFTER.timestamp()


async def test_a_server_name_is_asked_for_and_checked(authority: trustme.CA, ca_file: Path) -> None:
    async with serving(silent, context_for(authority, "db.example.net")) as port:
        assert (await probe(port, tls=True, ca_file=ca_file, server_name="db.example.net")).success
        assert (await probe(port, tls=True, ca_file=ca_file)).reason is Reason.TLS


async def test_an_unknown_authority_is_tls_unless_it_does_not_matter(authority: trustme.CA) -> None:
    async with serving(silent, context_for(authority, "127.0.0.1")) as port:
        assert (await probe(port, tls=True)).reason is Reason.TLS
        result = await probe(port, tls=True, skip_verify=True)
    assert result.success
    assert result.certificate_expiry_timestamp_seconds == NOT_AFTER.timestamp()


async def test_an_expired_certificate_is_tls(authority: trustme.CA, ca_file: Path) -> None:
    context = context_for(authority, "127.0.0.1", not_after=datetime.now(UTC) - timedelta(days=1))
    async with serving(silent, context) as port:
        assert (await probe(port, tls=True, ca_file=ca_file)).reason is Reason.TLS


async def test_what_speaks_no_tls_is_tls() -> None:
    async with serving(saying(b"220 mail ready\r\n")) as port:
        assert (await probe(port, tls=True)).reason is Reason.TLS


async def test_what_is_sent_is_secret() -> None:
    options = TcpOptions.model_validate({"address": "127.0.0.1:1", "send": "AUTH s3cr3t\r\n"})
    assert "s3cr3t" not in repr(options)
