"""One request and its answer over a wire, by h11's state machine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

import h11

from sidecar.probes.exchange.compression import Body
from sidecar.probes.exchange.connect import describe
from sidecar.probes.exchange.messages import Answer, Request
from sidecar.probes.exchange.phases import Timed
from sidecar.probes.exchange.wire import Wire
from sidecar.probes.result import Findings, Phase, ProbeFailure, Reason

MAX_HEAD_BYTES: Final = 65_536
"""Of status line and headers, of chunk headers and of trailers."""
_MAX_INTERIM_ANSWERS: Final = 8
_EVENTS_AT_ONCE: Final = 64
_BEGINNING: Final = b"HTTP/1."


class Conversation:
    """A connection on which one thing is asked."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._began = False

    async def ask(self, request: Request, head: h11.Request, findings: Findings) -> Answer:
        """Send this head and the request's body, and read the whole answer.

        Raises:
            ProbeFailure: `protocol` before the headers are complete, `body` after that.
        """
        with Timed(findings, Phase.PROCESSING):
            await self.send(head, request.body)
            response = await self.head()
        findings.status_code = response.status_code
        findings.note(f"answered {response.status_code}")
        headers = _joined(response.headers)
        with Timed(findings, Phase.TRANSFER):
            body = await self._body(Body(headers.get("content-encoding", ""), request.max_body_bytes))
        if body:
            findings.note(f"body of {len(body)} bytes")
        return Answer(response.status_code, headers, body)

    async def send(self, head: h11.Request, body: bytes = b"") -> None:
        """Send all of it at once. A broken connection is no failure yet: the answer may be there already."""
        data = self._http.send(head) or b""
        if body:
            data += self._http.send(h11.Data(data=body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        try:
            await self._wire.send(data)
        except OSError:
            return

    async def head(self) -> h11.Response:
        """Read on to the headers of the answer.

        Raises:
            ProbeFailure: `protocol`: what comes is no HTTP/1, too long, or nothing.
        """
        interim = 0
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    await self._more()
                elif isinstance(event, h11.Response):
                    return event
                else:
                    interim += 1
                    if interim > _MAX_INTERIM_ANSWERS:
                        raise ProbeFailure(Reason.PROTOCOL, "too many interim answers")
        except h11.RemoteProtocolError as error:
            raise ProbeFailure(Reason.PROTOCOL, _explain(error)) from None
        except OSError as error:
            raise ProbeFailure(Reason.PROTOCOL, f"{describe(error)} before an answer") from None

    async def _body(self, body: Body) -> bytes:
        events = 0
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    await self._more()
                elif isinstance(event, h11.Data):
                    body.feed(bytes(event.data))
                    events += 1
                    if events % _EVENTS_AT_ONCE == 0:
                        await asyncio.sleep(0)  # Tiny chunks by the thousand are others' time.
                elif isinstance(event, h11.EndOfMessage):
                    return body.finish()
        except h11.RemoteProtocolError as error:
            raise ProbeFailure(Reason.BODY, _explain(error)) from None
        except OSError as error:
            raise ProbeFailure(Reason.BODY, f"{describe(error)} in the body") from None

    async def _more(self) -> None:
        data = await self._wire.receive()
        if not self._began:
            self._began = True
            if not data:
                raise ProbeFailure(Reason.PROTOCOL, "closed without an answer")
            if data[:7] != _BEGINNING[: len(data)]:
                raise ProbeFailure(Reason.PROTOCOL, "what came is not HTTP/1")
        self._http.receive_data(data)


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    joined: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _explain(error: h11.RemoteProtocolError) -> str:
    """In our words: h11's may quote what was received."""
    if error.error_status_hint == 431:
        return f"more than {MAX_HEAD_BYTES} bytes of headers"
    return "closed before the end" if "closed" in str(error) else "malformed HTTP/1"
