"""Kind `tcp`: connect, if wished over TLS, and say and expect something."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from sidecar.probes.address import Address, AddressText
from sidecar.probes.exchange.connect import connect, describe
from sidecar.probes.exchange.contexts import Contexts, TlsFiles
from sidecar.probes.exchange.resolve import resolve
from sidecar.probes.exchange.route import IpPreference
from sidecar.probes.exchange.tls import TlsWire
from sidecar.probes.exchange.wire import PlainWire, Wire
from sidecar.probes.pattern import Pattern, PatternText
from sidecar.probes.probe import Probe, ProbeOptions
from sidecar.probes.result import Findings, ProbeFailure, Reason

MAX_RECEIVED_BYTES: Final = 64 * 1024
"""What is expected has to come within so many bytes."""
_SEARCH_PAUSE_SECONDS: Final = 0.005


def _holds_authorities(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("the file does not exist; create it or correct the path")
    TlsFiles(path).check()
    return path


class TcpOptions(ProbeOptions):
    kind: Literal["tcp"] = "tcp"
    address: AddressText = Field(description="Where to connect, `host:port`.")
    tls: bool = Field(default=False, description="Speak TLS from the first byte.")
    ca_file: Annotated[Path, AfterValidator(_holds_authorities)] | None = Field(
        default=None, description="PEM file of the authorities to trust; null: the system's."
    )
    server_name: Annotated[str, Field(min_length=1, max_length=253)] | None = Field(
        default=None, description="Name to ask for and to check in TLS; null: the address's host."
    )
    skip_verify: bool = Field(
        default=False, description="Take any certificate; its expiry is told all the same."
    )
    send: SecretStr | None = Field(default=None, description="Text to send once connected; secret.")
    expect: PatternText | None = Field(
        default=None, description="Regular expression that has to match within the first 64 KiB that come."
    )

    @model_validator(mode="after")
    def _tls_is_on_where_it_is_described(self) -> TcpOptions:
        if not self.tls and (self.ca_file is not None or self.server_name is not None or self.skip_verify):
            raise ValueError("ca_file, server_name and skip_verify hold for TLS only; add tls: true")
        return self


class TcpProbe(Probe[TcpOptions]):
    kind: ClassVar[str] = "tcp"
    options_type: ClassVar[type[ProbeOptions]] = TcpOptions

    def __init__(self, dependency: str, options: TcpOptions) -> None:
        super().__init__(dependency, options)
        self._address = Address.parse(options.address)
        self._expect = None if options.expect is None else Pattern(options.expect)
        # Here, not in the first run: to read the authorities takes time that is not the target's.
        self._tls = (
            Contexts(TlsFiles(options.ca_file, verify=not options.skip_verify)) if options.tls else None
        )

    async def check(self, findings: Findings) -> None:
        """Connect, shake hands, send and read, as far as each is wished.

        Raises:
            ProbeFailure: `dns`, `connect` or `tls`; `protocol` when the connection ends before a word;
                `body` when what comes, up to its end or the limit, does not match.
        """
        addresses = await resolve(self._address.host, self._address.port, IpPreference.ANY)
        with contextlib.closing(await connect(addresses)) as sock:
            findings.note("connected")
            wire: Wire = PlainWire(sock)
            if self._tls is None:
                await self._talk(wire, findings)
                return
            secure = await self._secured(wire, self._tls.current(), findings)
            try:
                await self._talk(secure, findings)
            finally:
                with contextlib.suppress(OSError):
                    sock.send(secure.farewell())

    async def _secured(self, wire: Wire, context: ssl.SSLContext, findings: Findings) -> TlsWire:
        name = self.options.server_name
        try:
            secure = TlsWire(wire, context, self._address.host if name is None else name)
        except ValueError:
            raise ProbeFailure(Reason.TLS, "no certificate can have that name") from None
        await secure.shake_hands()
        findings.certificate_expiry_timestamp_seconds = secure.earliest_expiry()
        findings.note(secure.version)
        return secure

    async def _talk(self, wire: Wire, findings: Findings) -> None:
        try:
            if self.options.send is not None:
                await wire.send(self.options.send.get_secret_value().encode())
                findings.note("sent")
            if self._expect is not None:
                await self._read(wire, self._expect, findings)
        except OSError as error:
            raise ProbeFailure(Reason.PROTOCOL, describe(error)) from None

    async def _read(self, wire: Wire, expect: Pattern, findings: Findings) -> None:
        received = bytearray()
        while len(received) < MAX_RECEIVED_BYTES:
            chunk = await wire.receive()
            if not chunk:
                break
            received += chunk[: MAX_RECEIVED_BYTES - len(received)]
            if expect.found_in(bytes(received)):
                findings.note(f"expected text within {len(received)} bytes")
                return
            # A target that drips bytes costs one search in that time, not one per byte.
            await asyncio.sleep(_SEARCH_PAUSE_SECONDS)
        if not received:
            raise ProbeFailure(Reason.PROTOCOL, "closed without a word")
        raise ProbeFailure(Reason.BODY, f"no match in {len(received)} bytes")
