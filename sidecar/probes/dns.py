"""Kind `dns`: one query to one name server. dnspython is loaded only when a dependency is of this kind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from sidecar.probes.address import Address
from sidecar.probes.exchange.connect import connect, describe
from sidecar.probes.exchange.lookups import Address as SocketAddress
from sidecar.probes.exchange.resolve import resolve
from sidecar.probes.exchange.route import IpPreference
from sidecar.probes.exchange.wire import PlainWire
from sidecar.probes.pattern import Pattern, PatternText
from sidecar.probes.probe import Probe, ProbeOptions
from sidecar.probes.result import Findings, ProbeFailure, Reason

if TYPE_CHECKING:
    from dns.message import Message

_PORT: Final = 53
_MAX_BYTES: Final = 65_535
_LENGTH: Final = struct.Struct(">H")


def _is_a_server(text: str) -> str:
    Address.parse(text, default_port=_PORT)
    return text


def _is_a_query_name(text: str) -> str:
    import dns.exception
    import dns.name

    try:
        dns.name.from_text(text)
    except (dns.exception.DNSException, ValueError):
        raise ValueError("the value is not a name in DNS; write one such as example.net") from None
    return text


class DnsOptions(ProbeOptions):
    kind: Literal["dns"] = "dns"
    server: Annotated[str, AfterValidator(_is_a_server)] = Field(
        description="The name server, `host` or `host:port`."
    )
    query_name: Annotated[str, AfterValidator(_is_a_query_name)] = Field(description="What is asked for.")
    query_type: Literal["A", "AAAA", "CAA", "CNAME", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "TXT"] = "A"
    transport: Literal["udp", "tcp"] = Field(
        default="udp", description="`udp` asks again over TCP when the answer was cut short."
    )
    expect_answers: tuple[str, ...] = Field(
        default=(), description="Each of these has to be among the answers; case and a last dot don't matter."
    )
    expect: PatternText | None = Field(
        default=None, description="Regular expression that has to match one of the answers."
    )


class DnsProbe(Probe[DnsOptions]):
    kind: ClassVar[str] = "dns"
    options_type: ClassVar[type[ProbeOptions]] = DnsOptions

    def __init__(self, dependency: str, options: DnsOptions) -> None:
        super().__init__(dependency, options)
        # Here, not in the first run: it takes time that is not the target's.
        import dns.message  # noqa: F401

        self._server = Address.parse(options.server, default_port=_PORT)
        self._expect = None if options.expect is None else Pattern(options.expect)

    async def check(self, findings: Findings) -> None:
        """Ask once.

        Raises:
            ProbeFailure: `dns` for any response code but NOERROR, for no answer, and where the server's own
                name does not resolve; `connect`; `body` for other answers than expected; `protocol` for
                what is no response to the query.
        """
        import dns.exception
        import dns.message
        import dns.rcode

        options = self.options
        query = dns.message.make_query(options.query_name, options.query_type)
        try:
            response = await self._ask(query, findings)
        except (EOFError, ConnectionResetError):
            raise ProbeFailure(Reason.PROTOCOL, "connection closed before the response") from None
        except OSError as error:
            raise ProbeFailure(Reason.CONNECT, describe(error)) from None
        except (dns.exception.DNSException, ValueError, IndexError, struct.error) as error:
            raise ProbeFailure(Reason.PROTOCOL, type(error).__name__) from None
        if not query.is_response(response):
            raise ProbeFailure(Reason.PROTOCOL, "not a response to the query")
        code = dns.rcode.to_text(response.rcode())
        if response.rcode() != dns.rcode.NOERROR:
            raise ProbeFailure(Reason.DNS, code)
        answers = _answers(response, options.query_type)
        findings.note(f"{code}, {len(answers)} answers")
        if not answers:
            raise ProbeFailure(Reason.DNS, f"no answer of type {options.query_type}")
        self._judge(answers)

    async def _ask(self, query: Message, findings: Findings) -> Message:
        import dns.flags
        import dns.message

        addresses = await resolve(self._server.host, self._server.port, IpPreference.ANY)
        wire = query.to_wire()
        if self.options.transport == "udp":
            response = dns.message.from_wire(await _over_udp(wire, addresses[0]))
            if not response.flags & dns.flags.TC:
                return response
            findings.note("cut short over UDP, asking over TCP")
        return dns.message.from_wire(await _over_tcp(wire, addresses))

    def _judge(self, answers: list[str]) -> None:
        known = {_plain(answer) for answer in answers}
        missing = [answer for answer in self.options.expect_answers if _plain(answer) not in known]
        if missing:
            raise ProbeFailure(Reason.BODY, f"{len(missing)} of the expected answers missing")
        if self._expect is not None and not any(self._expect.found_in(text.encode()) for text in answers):
            raise ProbeFailure(Reason.BODY, "no answer matches")


def _answers(response: Message, query_type: str) -> list[str]:
    import dns.rdatatype

    wanted = dns.rdatatype.from_text(query_type)
    return [rdata.to_text() for rrset in response.answer if rrset.rdtype == wanted for rdata in rrset]


def _plain(answer: str) -> str:
    return answer.lower().removesuffix(".")


async def _over_udp(wire: bytes, address: SocketAddress) -> bytes:
    """One datagram there, one back; the connected socket takes it from that server alone."""
    family, place = address
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0)
        await loop.sock_connect(sock, place)
        await loop.sock_sendall(sock, wire)
        return await loop.sock_recv(sock, _MAX_BYTES)


async def _over_tcp(wire: bytes, addresses: Sequence[SocketAddress]) -> bytes:
    with contextlib.closing(await connect(addresses)) as sock:
        stream = PlainWire(sock)
        await stream.send(_LENGTH.pack(len(wire)) + wire)
        received = bytearray()
        while len(received) < _LENGTH.size or len(received) < _LENGTH.size + _LENGTH.unpack_from(received)[0]:
            chunk = await stream.receive()
            if not chunk:
                raise EOFError
            received += chunk
        return bytes(received[_LENGTH.size : _LENGTH.size + _LENGTH.unpack_from(received)[0]])
