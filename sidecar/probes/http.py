"""Kind `http`: fetch a URL over a fresh connection and judge the status code."""

from __future__ import annotations

import ssl
import time
from typing import Annotated, ClassVar, Literal

import aiohttp
from pydantic import AnyHttpUrl, Field, SecretStr

from sidecar.probes.probe import Probe, ProbeOptions
from sidecar.probes.result import Findings, Phase, ProbeFailure, Reason

_AUTH_STATUSES = frozenset({401, 403})
_QUOTA_STATUS = 429
_CHUNK_BYTES = 65_536

StatusCode = Annotated[int, Field(ge=100, le=599)]


class HttpOptions(ProbeOptions):
    kind: Literal["http"] = "http"
    url: AnyHttpUrl = Field(description="What to fetch; no user or password in it.")
    method: Literal["GET", "HEAD", "OPTIONS"] = "GET"
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Sent along; values are secret.")
    accepted_status_codes: tuple[StatusCode, ...] = Field(
        default=(), description="Empty: every code from 200 to 299."
    )
    max_body_bytes: Annotated[int, Field(gt=0, le=64 * 1024 * 1024)] = Field(
        default=1024 * 1024, description="A longer answer, after decompression, is a failure of the body."
    )


class HttpProbe(Probe[HttpOptions]):
    kind: ClassVar[str] = "http"
    options_type: ClassVar[type[ProbeOptions]] = HttpOptions

    async def check(self, findings: Findings) -> None:
        """Fetch once.

        Raises:
            ProbeFailure: 401 and 403 are `auth`, 429 is `quota`, any other refused code is `status`.
        """
        findings.speaks_http()
        phases = _Phases(findings)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(force_close=True, use_dns_cache=False),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trace_configs=[phases.trace_config()],
                    timeout=aiohttp.ClientTimeout(total=None),
                ) as session,
                session.request(
                    self.options.method,
                    str(self.options.url),
                    headers={name: value.get_secret_value() for name, value in self.options.headers.items()},
                    allow_redirects=False,
                ) as response,
            ):
                findings.status_code = response.status
                phases.headers_came()
                if not await self._read(response):
                    raise ProbeFailure(Reason.BODY, f"body longer than {self.options.max_body_bytes} bytes")
                phases.body_came()
        except (aiohttp.ClientError, OSError, ssl.SSLError, ValueError) as error:
            raise ProbeFailure(_reason_of(error), type(error).__name__) from None
        reason, detail = self._judge(findings.status_code)
        if reason is not None:
            raise ProbeFailure(reason, detail)

    def _judge(self, status: int) -> tuple[Reason | None, str]:
        accepted = self.options.accepted_status_codes
        if status in accepted if accepted else 200 <= status <= 299:
            return None, ""
        if status in _AUTH_STATUSES:
            return Reason.AUTH, f"status {status}"
        if status == _QUOTA_STATUS:
            return Reason.QUOTA, f"status {status}"
        return Reason.STATUS, f"status {status}"

    async def _read(self, response: aiohttp.ClientResponse) -> bool:
        """Read the body to its end or to the limit; False when it is longer."""
        left = self.options.max_body_bytes
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                return False
        return True


def _reason_of(error: Exception) -> Reason:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Reason.DNS
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return Reason.TLS
    if isinstance(error, aiohttp.ServerTimeoutError | TimeoutError):
        return Reason.TIMEOUT
    if isinstance(error, aiohttp.ClientConnectorError):
        return Reason.CONNECT
    if isinstance(error, aiohttp.ClientPayloadError):
        return Reason.BODY
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ServerDisconnectedError):
        return Reason.PROTOCOL
    if isinstance(error, OSError):
        return Reason.CONNECT
    return Reason.PROTOCOL


class _Phases:
    """Notes when each phase ended."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._last = time.perf_counter()

    def trace_config(self) -> aiohttp.TraceConfig:
        trace = aiohttp.TraceConfig()

        async def resolved(*_: object) -> None:
            self._end(Phase.RESOLVE)

        async def connected(*_: object) -> None:
            self._end(Phase.CONNECT)

        trace.on_dns_resolvehost_end.append(resolved)
        trace.on_connection_create_end.append(connected)
        return trace

    def headers_came(self) -> None:
        self._end(Phase.PROCESSING)

    def body_came(self) -> None:
        self._end(Phase.TRANSFER)

    def _end(self, phase: Phase) -> None:
        now = time.perf_counter()
        self._findings.spent(phase, now - self._last)
        self._last = now
