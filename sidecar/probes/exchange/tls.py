"""TLS over a wire: the handshake is a step of its own, so that it can be timed alone."""

from __future__ import annotations

import contextlib
import functools
import ssl
import sys

from sidecar.probes.exchange import certificate
from sidecar.probes.exchange.connect import describe
from sidecar.probes.exchange.wire import CHUNK_BYTES, Wire
from sidecar.probes.result import ProbeFailure, Reason


@functools.cache
def default_context() -> ssl.SSLContext:
    """The system's authorities; made once, because it takes tens of milliseconds."""
    return ssl.create_default_context()


class TlsWire:
    def __init__(self, wire: Wire, context: ssl.SSLContext, server_name: str) -> None:
        """Raises ValueError when no certificate could have that name."""
        self._wire = wire
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)

    async def shake_hands(self) -> None:
        """Agree on keys and judge the certificate.

        Raises:
            ProbeFailure: `tls`: the certificate is refused, there is no common version, or what answers
                is no TLS.
        """
        try:
            while True:
                try:
                    self._tls.do_handshake()
                except ssl.SSLWantReadError:
                    await self._flush()
                    await self._fill()
                else:
                    break
            await self._flush()
        except ssl.SSLError as error:
            with contextlib.suppress(OSError):
                await self._flush()  # The alert that tells the server why.
            raise ProbeFailure(Reason.TLS, explain(error)) from None
        except OSError as error:
            raise ProbeFailure(Reason.TLS, f"{describe(error)} in the handshake") from None

    @property
    def version(self) -> str:
        return self._tls.version() or "TLS"

    def earliest_expiry(self) -> float | None:
        """When the first of the certificates that were sent expires: Unix time.

        Python tells the whole chain from 3.13 on, before that only the server's own certificate.
        """
        chain: list[bytes] = []
        if sys.version_info >= (3, 13):
            chain = [bytes(der) for der in self._tls.get_unverified_chain()]
        elif (own := self._tls.getpeercert(binary_form=True)) is not None:
            chain = [own]
        return min(filter(None, map(certificate.expiry, chain)), default=None)

    async def send(self, data: bytes) -> None:
        self._tls.write(data)  # All of it: the buffer is memory and grows.
        await self._flush()

    async def receive(self) -> bytes:
        while True:
            try:
                return self._tls.read(CHUNK_BYTES)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""  # Whether that was too early is for HTTP to say.
            except ssl.SSLError as error:
                # TLS 1.3 refuses a client's certificate only now.
                raise ProbeFailure(Reason.TLS, explain(error)) from None

    def farewell(self) -> bytes:
        """What tells the server that we are done; sent if it can be at once."""
        with contextlib.suppress(ssl.SSLError, ValueError):
            self._tls.unwrap()
        return self._outgoing.read()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._wire.send(self._outgoing.read())

    async def _fill(self) -> None:
        data = await self._wire.receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()


def explain(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return "closed in the handshake"
    return (error.reason or type(error).__name__).replace("_", " ").lower()
