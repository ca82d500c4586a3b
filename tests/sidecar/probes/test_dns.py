from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from sidecar.probes import DnsOptions, DnsProbe, ProbeResult, Reason
from tests.sidecar.probes.targets import answering_datagrams, refusing, saying, serving, silent

Answer = Callable[[dns.message.Message], dns.message.Message]


async def probe(port: int, *, host: str = "127.0.0.1", **options: Any) -> ProbeResult:
    options = {"server": f"{host}:{port}", "query_name": "example.net", "timeout_seconds": 1.0} | options
    return await DnsProbe("names", DnsOptions.model_validate(options)).run()


def records(*texts: str, query_type: str = "A") -> Answer:
    def answer(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.answer.append(dns.rrset.from_text("example.net.", 60, "IN", query_type, *texts))
        return response

    return answer


def refused_with(code: dns.rcode.Rcode) -> Answer:
    def answer(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.set_rcode(code)
        return response

    return answer


def cut_short(query: dns.message.Message) -> dns.message.Message:
    response = dns.message.make_response(query)
    response.flags |= dns.flags.TC
    return response


@asynccontextmanager
async def name_server(over_udp: Answer, over_tcp: Answer | None = None) -> AsyncIterator[int]:
    """A name server at one port, over TCP the same unless said otherwise."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        answer = over_udp if over_tcp is None else over_tcp
        writer.write(answer(dns.message.from_wire(wire)).to_wire(prepend_length=True))
        await writer.drain()

    async with (
        serving(serve) as port,
        answering_datagrams(lambda wire: over_udp(dns.message.from_wire(wire)).to_wire(), port),
    ):
        yield port


TRANSPORTS = pytest.mark.parametrize("transport", ["udp", "tcp"])


@TRANSPORTS
async def test_a_name_server_that_answers_is_up(transport: str) -> None:
    async with name_server(records("192.0.2.1", "192.0.2.2")) as port:
        assert (await probe(port, transport=transport)).success


@TRANSPORTS
@pytest.mark.parametrize(
    ("code", "text"),
    [
        (dns.rcode.NXDOMAIN, "NXDOMAIN"),
        (dns.rcode.SERVFAIL, "SERVFAIL"),
        (dns.rcode.REFUSED, "REFUSED"),
    ],
)
async def test_a_refusal_is_dns(code: dns.rcode.Rcode, text: str, transport: str) -> None:
    async with name_server(refused_with(code)) as port:
        result = await probe(port, transport=transport)
    assert (result.reason, result.detail) == (Reason.DNS, text)


async def test_no_answer_of_the_type_is_dns() -> None:
    async with name_server(records("mail.example.net.", query_type="CNAME")) as port:
        assert (await probe(port)).reason is Reason.DNS


async def test_an_answer_cut_short_is_asked_for_again_over_tcp() -> None:
    async with name_server(cut_short, records("192.0.2.1")) as port:
        assert (await probe(port)).success


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        ({"expect_answers": ("10 MAIL.example.net",)}, None),
        ({"expect_answers": ("10 mail.example.net.", "20 spare.example.net.")}, None),
        ({"expect_answers": ("10 mail.example.net.", "30 other.example.net.")}, Reason.BODY),
        ({"expect": "spare\\.example\\.net"}, None),
        ({"expect": "^30 "}, Reason.BODY),
    ],
)
async def test_answers_are_those_expected_or_body(expected: dict[str, Any], reason: Reason | None) -> None:
    answer = records("10 mail.example.net.", "20 spare.example.net.", query_type="MX")
    async with name_server(answer) as port:
        assert (await probe(port, query_type="MX", **expected)).reason is reason


@TRANSPORTS
async def test_nobody_listening_is_connect(transport: str) -> None:
    with refusing() as port:
        assert (await probe(port, transport=transport)).reason is Reason.CONNECT


async def test_a_server_whose_name_does_not_resolve_is_dns() -> None:
    assert (await probe(53, host="no-such-host.invalid")).reason is Reason.DNS


async def test_a_server_that_says_nothing_is_timeout() -> None:
    async with answering_datagrams(lambda _: None) as port:
        assert (await probe(port, timeout_seconds=0.02)).reason is Reason.TIMEOUT
    async with serving(silent) as port:
        assert (await probe(port, transport="tcp", timeout_seconds=0.02)).reason is Reason.TIMEOUT


@pytest.mark.parametrize("garbage", [b"\0", b"garbage", bytes(12), b"\xff" * 600])
async def test_garbage_over_udp_is_protocol(garbage: bytes) -> None:
    async with answering_datagrams(lambda _: garbage) as port:
        assert (await probe(port)).reason is Reason.PROTOCOL


@pytest.mark.parametrize("garbage", [b"", b"\0", b"\0\0", b"\0\x05gar", b"\0\x07garbage", b"\xff" * 70_000])
async def test_garbage_over_tcp_is_protocol(garbage: bytes) -> None:
    async with serving(saying(garbage)) as port:
        assert (await probe(port, transport="tcp")).reason is Reason.PROTOCOL


async def test_a_response_to_another_query_is_protocol() -> None:
    def with_another_id(wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        response = records("192.0.2.1")(query)
        response.id = query.id ^ 1
        return response.to_wire()

    async with answering_datagrams(with_another_id) as port:
        assert (await probe(port)).reason is Reason.PROTOCOL
