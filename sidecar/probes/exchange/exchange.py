"""The whole of an exchange: hop by hop, each over its own connection, until an answer is no redirect."""

from __future__ import annotations

import contextlib
import dataclasses
import socket

from sidecar.probes.exchange import head, proxy, redirects, target, tls
from sidecar.probes.exchange.connect import connect
from sidecar.probes.exchange.http1 import Conversation
from sidecar.probes.exchange.messages import Answer, Request
from sidecar.probes.exchange.phases import Timed
from sidecar.probes.exchange.resolve import resolve
from sidecar.probes.exchange.route import Route
from sidecar.probes.exchange.target import Target, authority
from sidecar.probes.exchange.wire import PlainWire, Wire
from sidecar.probes.result import Findings, Phase, ProbeFailure, Reason


async def exchange(request: Request, route: Route, findings: Findings) -> Answer:
    """Send the request over a connection of its own and read the whole answer.

    Writes the phases, the status code, the certificate's expiry and the steps into `findings`.

    Raises:
        ProbeFailure: `dns`, `connect`, `tls`, `protocol` (what came is no HTTP, or too many redirects) or
            `body` (cut short, too long, badly compressed). Never because of the status code.
        asyncio.CancelledError: at the caller's deadline; the connection is closed.
    """
    findings.speaks_http()
    seen = set()
    while True:
        answer = await _hop(request, route, findings)
        if not route.max_redirects:
            return answer
        seen.add((request.method, request.url))
        following = redirects.following(answer, request)
        if following is None:
            return answer
        if (following.method, following.url) in seen:
            raise ProbeFailure(Reason.PROTOCOL, "redirect loop")
        if len(seen) > route.max_redirects:
            raise ProbeFailure(Reason.PROTOCOL, f"more than {route.max_redirects} redirects")
        if target.parse(following.url).origin != target.parse(request.url).origin:
            route = dataclasses.replace(route, server_name=None)
        request = following


async def _hop(request: Request, route: Route, findings: Findings) -> Answer:
    try:
        to = target.parse(request.url)
    except ValueError as error:
        raise ProbeFailure(Reason.PROTOCOL, f"bad URL: {error}") from None
    sock = await _connected(to, route, findings)
    with contextlib.closing(sock):
        wire: Wire = PlainWire(sock)
        if not to.is_https:
            return await _ask(wire, request, to, route, findings)
        if route.proxy is not None:
            with Timed(findings, Phase.CONNECT):
                await proxy.tunnel(wire, route.proxy, to)
        secure = await _secured(wire, to, route, findings)
        try:
            return await _ask(secure, request, to, dataclasses.replace(route, proxy=None), findings)
        finally:
            with contextlib.suppress(OSError):
                sock.send(secure.farewell())


async def _connected(to: Target, route: Route, findings: Findings) -> socket.socket:
    host, port = (to.host, to.port) if route.proxy is None else (route.proxy.host, route.proxy.port)
    with Timed(findings, Phase.RESOLVE):
        addresses = await resolve(host, port, route.ip_preference)
    findings.note(f"connecting to {' or '.join(authority(*place[:2]) for _, place in addresses[:4])}")
    with Timed(findings, Phase.CONNECT):
        return await connect(addresses)


async def _secured(wire: Wire, to: Target, route: Route, findings: Findings) -> tls.TlsWire:
    context = tls.default_context() if route.tls is None else route.tls
    try:
        secure = tls.TlsWire(wire, context, route.server_name or to.host)
    except ValueError:
        raise ProbeFailure(Reason.TLS, "no certificate can have that name") from None
    with Timed(findings, Phase.TLS):
        await secure.shake_hands()
    expiry = secure.earliest_expiry()
    if expiry is not None:
        earliest = findings.certificate_expiry_timestamp_seconds
        findings.certificate_expiry_timestamp_seconds = expiry if earliest is None else min(earliest, expiry)
    findings.note(secure.version)
    return secure


async def _ask(wire: Wire, request: Request, to: Target, route: Route, findings: Findings) -> Answer:
    if route.proxy is None:
        return await Conversation(wire).ask(request, head.direct(request, to), findings)
    through = head.through(request, to, route.proxy)
    answer = await Conversation(wire).ask(request, through, findings)
    if answer.status == proxy.REFUSES_CREDENTIALS:
        raise proxy.refused(answer.status)
    return answer
