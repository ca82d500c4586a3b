from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from sidecar.probes import HttpOptions, HttpProbe, Phase, ProbeResult, Reason
from tests.sidecar.probes.certificates import EARLIER, LATER, authority, certificate, serving_with
from tests.sidecar.probes.exchange.targets import (
    OK,
    behaving,
    open_files,
    resetting,
    saying,
    saying_and_holding,
    silent,
)


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(path)
    return path


async def probe(port: int, host: str = "localhost", **options: Any) -> ProbeResult:
    return await HttpProbe("target", HttpOptions(url=f"https://{host}:{port}/", **options)).run()


async def test_a_certificate_of_a_known_authority_is_taken(ca_file: Path) -> None:
    async with behaving(saying(OK), tls=serving_with(certificate("localhost"))) as port:
        result = await probe(port, ca_file=ca_file)
    assert result.success, result.detail
    assert result.http is not None
    assert set(result.http.phase_seconds) == set(Phase)
    assert sum(result.http.phase_seconds.values()) <= result.duration_seconds


async def test_the_certificate_s_expiry_is_told(ca_file: Path) -> None:
    async with behaving(saying(OK), tls=serving_with(certificate("localhost"))) as port:
        verified = await probe(port, ca_file=ca_file)
        unverified = await probe(port, skip_verify=True)
    assert verified.certificate_expiry_timestamp_seconds == LATER.timestamp()
    assert unverified.certificate_expiry_timestamp_seconds == LATER.timestamp()


@pytest.mark.parametrize(
    ("leaf", "detail"),
    [
        (certificate("localhost", expires=EARLIER), "certificate has expired"),
        (certificate("elsewhere.example"), "Hostname mismatch"),
        (trustme.CA().issue_cert("localhost"), "unable to get local issuer certificate"),
    ],
    ids=["expired", "wrong host", "unknown authority"],
)
async def test_a_bad_certificate_is_tls(leaf: trustme.LeafCert, detail: str, ca_file: Path) -> None:
    async with behaving(saying(OK), tls=serving_with(leaf)) as port:
        result = await probe(port, ca_file=ca_file)
        unverified = await probe(port, skip_verify=True)
    assert result.reason is Reason.TLS
    assert detail in result.detail
    assert unverified.success


async def test_a_self_signed_certificate_is_tls(ca_file: Path) -> None:
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(_pem_of(trustme.CA(), ca_file.parent / "self-signed.pem"))
    async with behaving(saying(OK), tls=own) as port:
        result = await probe(port, ca_file=ca_file)
    assert result.reason is Reason.TLS
    assert "self-signed" in result.detail or "self signed" in result.detail


async def test_without_ca_file_the_system_s_authorities_count() -> None:
    async with behaving(saying(OK), tls=serving_with(certificate("localhost"))) as port:
        assert (await probe(port)).reason is Reason.TLS


async def test_server_name_is_asked_for_and_checked(ca_file: Path) -> None:
    async with behaving(saying(OK), tls=serving_with(certificate("elsewhere.example"))) as port:
        assert (await probe(port, ca_file=ca_file, server_name="elsewhere.example")).success


async def test_an_address_can_be_in_a_certificate(ca_file: Path) -> None:
    async with behaving(saying(OK), tls=serving_with(certificate("127.0.0.1"))) as port:
        assert (await probe(port, "127.0.0.1", ca_file=ca_file)).success


@pytest.mark.parametrize(
    "behaviour",
    [saying_and_holding(b"HTTP/1.1 400 Bad Request\r\n\r\n"), saying(), resetting(b"")],
    ids=["plain HTTP", "closes", "resets"],
)
async def test_what_speaks_no_tls_is_tls(behaviour: Any) -> None:
    async with behaving(behaviour, after_request=False) as port:
        assert (await probe(port)).reason is Reason.TLS


async def test_a_handshake_that_never_comes_is_a_timeout() -> None:
    async with behaving(silent, after_request=False) as port:
        result = await probe(port, timeout_seconds=0.05)
    assert result.reason is Reason.TIMEOUT
    assert result.http is not None
    assert Phase.TLS in result.http.phase_seconds


async def test_a_client_certificate_is_presented_and_its_lack_is_tls(ca_file: Path) -> None:
    pem = ca_file.parent / "client.pem"
    certificate("client.example").private_key_and_cert_chain_pem.write_to_path(pem)
    asking = serving_with(certificate("localhost"))
    asking.verify_mode = ssl.CERT_REQUIRED
    authority().configure_trust(asking)
    asking.maximum_version = ssl.TLSVersion.TLSv1_2  # In 1.3 asyncio's servers close without a word.
    async with behaving(saying(OK), tls=asking) as port:
        assert (await probe(port, ca_file=ca_file, client_certificate_file=pem)).success
        assert (await probe(port, ca_file=ca_file)).reason is Reason.TLS


async def test_a_renewed_file_counts_from_the_next_run_on(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    async with behaving(saying(OK), tls=serving_with(certificate("localhost"))) as port:
        target = HttpProbe("target", HttpOptions(url=f"https://localhost:{port}/", ca_file=path))
        assert (await target.run()).reason is Reason.TLS
        path.write_text("half written")
        assert (await target.run()).reason is Reason.TLS
        authority().cert_pem.write_to_path(path)
        assert (await target.run()).success


async def test_nothing_stays_open_after_tls(ca_file: Path) -> None:
    async with behaving(saying(OK), tls=serving_with(certificate("localhost"))) as port:
        before = open_files()
        await probe(port, ca_file=ca_file)
        await probe(port)
        assert open_files() <= before + 2  # The server's ends.


@pytest.mark.parametrize("other_key", [True, False], ids=["another's key", "no key"])
def test_certificate_and_key_must_belong_together(tmp_path: Path, *, other_key: bool) -> None:
    certificate_file, key_file = tmp_path / "client.pem", tmp_path / "key.pem"
    certificate("client.example").cert_chain_pems[0].write_to_path(certificate_file)
    certificate("localhost").private_key_pem.write_to_path(key_file)
    with pytest.raises(ValidationError, match="belong together" if other_key else "can't be read"):
        HttpOptions(
            url="https://localhost/",
            client_certificate_file=certificate_file,
            client_key_file=key_file if other_key else None,
        )


def _pem_of(ca: trustme.CA, path: Path) -> Path:
    path.write_bytes(ca.private_key_pem.bytes() + ca.cert_pem.bytes())
    return path
