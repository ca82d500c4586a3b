"""Where a redirect leads, and what goes along."""

from __future__ import annotations

from typing import Final
from urllib.parse import urljoin

from sidecar.probes.exchange.messages import Answer, Request
from sidecar.probes.exchange.target import Target, parse
from sidecar.probes.result import ProbeFailure, Reason

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD: Final = frozenset({307, 308})
_OF_THE_BODY: Final = frozenset({"content-type", "content-encoding", "content-language"})
_KNOWN_HARMLESS: Final = frozenset(
    {"accept", "accept-encoding", "accept-language", "cache-control", "user-agent"}
)


def following(answer: Answer, request: Request) -> Request | None:
    """The request a redirect asks for; None when the answer is not one.

    To another origin only headers go along that are known to carry no secret, and no body.

    Raises:
        ProbeFailure: `protocol`: it leads to what is no HTTP, or would take a body to another origin.
    """
    location = answer.headers.get("location")
    if answer.status not in REDIRECTS or location is None:
        return None
    before = parse(request.url)
    try:
        url = urljoin(request.url, location)
        after = parse(url)
    except ValueError as error:
        raise ProbeFailure(Reason.PROTOCOL, f"redirect to a bad URL: {error}") from None
    keeps_method = answer.status in _KEEP_METHOD or request.method in {"GET", "HEAD"}
    method = request.method if keeps_method else "GET"
    body = request.body if keeps_method else b""
    if body and after.origin != before.origin:
        raise ProbeFailure(Reason.PROTOCOL, "redirect would take the body to another origin")
    headers = {
        name: value
        for name, value in request.headers.items()
        if _goes_along(name.lower(), before, after, body)
    }
    return Request(url, method, headers, body, request.max_body_bytes)


def _goes_along(name: str, before: Target, after: Target, body: bytes) -> bool:
    if name in _OF_THE_BODY:
        return bool(body)
    return after.origin == before.origin or name in _KNOWN_HARMLESS
