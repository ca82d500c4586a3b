"""What is sent before the body: request line and headers."""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

import h11

from sidecar.probes.exchange.compression import ACCEPTED
from sidecar.probes.exchange.messages import Request
from sidecar.probes.exchange.route import Proxy
from sidecar.probes.exchange.target import Target, authority
from sidecar.probes.result import ProbeFailure, Reason

_OURS: Final = frozenset({"connection", "content-length", "transfer-encoding", "te", "upgrade", "expect"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})

Fields = list[tuple[bytes, bytes]]

_direct: Final[WeakKeyDictionary[Request, h11.Request]] = WeakKeyDictionary()
"""A probe sends the same request again and again; to make it is a sixth of a run's time."""


def direct(request: Request, to: Target) -> h11.Request:
    """The head of a request to the target itself.

    Raises:
        ProbeFailure: `internal`: a header has what can't be in one, such as a line break.
    """
    made = _direct.get(request)
    if made is None:
        made = _direct[request] = _made(request.method, to.path, _fields(request, to))
    return made


def through(request: Request, to: Target, proxy: Proxy) -> h11.Request:
    """The same for a proxy, which gets the whole URL. Raises as `direct`."""
    return _made(request.method, to.url, [*_fields(request, to), *_credentials(proxy)])


def tunnel(to: Target, proxy: Proxy) -> h11.Request:
    """What asks a proxy for a tunnel. Raises as `direct`."""
    place = authority(to.host, to.port)
    return _made("CONNECT", place, [(b"Host", place.encode()), *_credentials(proxy)])


def _made(method: str, place: str, fields: Fields) -> h11.Request:
    try:
        return h11.Request(method=method, target=place, headers=fields)
    except h11.LocalProtocolError:  # Its text has the value, which may be secret.
        raise ProbeFailure(Reason.INTERNAL, "a header can't be sent as it is") from None


def _credentials(proxy: Proxy) -> Fields:
    if proxy.authorization is None:
        return []
    return [(b"Proxy-Authorization", proxy.authorization.encode())]


def _fields(request: Request, to: Target) -> Fields:
    fields: Fields = []
    given = {name.lower() for name in request.headers}
    if "host" not in given:
        fields.append((b"Host", to.host_header.encode()))
    for name, value in request.headers.items():
        if name.lower() not in _OURS:
            fields.append((name.encode(), value.strip().encode()))
    if "user-agent" not in given:
        fields.append((b"User-Agent", b"pipeline-sidecar"))
    if "accept" not in given:
        fields.append((b"Accept", b"*/*"))
    if "accept-encoding" not in given:
        fields.append((b"Accept-Encoding", ACCEPTED.encode()))
    if request.body or request.method in _WITH_BODY:
        fields.append((b"Content-Length", b"%d" % len(request.body)))
    fields.append((b"Connection", b"close"))
    return fields
