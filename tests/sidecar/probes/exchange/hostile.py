"""Every way for a target to be hostile, and the reason that it must have."""

from __future__ import annotations

import gzip

from sidecar.probes import Reason
from tests.sidecar.probes.exchange.targets import (
    CHUNK,
    UNLIMITED,
    Behaviour,
    dripping,
    gzip_bomb,
    redirecting_to_itself,
    resetting,
    saying,
    saying_and_holding,
    saying_for_ever,
    silent,
    ten_megabytes_of_headers,
)

HEAD = b"HTTP/1.1 200 OK\r\n"
GZIP = HEAD + b"Content-Encoding: gzip\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

HOSTILE: dict[str, tuple[Behaviour, Reason]] = {
    "slow drip": (dripping, Reason.TIMEOUT),
    "says nothing": (silent, Reason.TIMEOUT),
    "stops in the headers": (saying_and_holding(HEAD), Reason.TIMEOUT),
    "endless body": (saying_for_ever(UNLIMITED, CHUNK), Reason.BODY),
    "endless tiny chunks": (saying_for_ever(CHUNKED, b"1\r\n.\r\n" * 1000), Reason.TIMEOUT),
    "endless empty gzip": (saying_for_ever(GZIP + b"\r\n", gzip.compress(b"") * 100), Reason.BODY),
    "endless after gzip": (saying_for_ever(GZIP + b"\r\n" + gzip.compress(b""), CHUNK), Reason.BODY),
    "gzip bomb": (gzip_bomb(), Reason.BODY),
    "no gzip": (saying(GZIP + b"Content-Length: 4\r\n\r\nabcd"), Reason.BODY),
    "half a gzip": (
        saying(GZIP + b"Content-Length: 10\r\n\r\n" + bytes.fromhex("1f8b0800000000000003")),
        Reason.BODY,
    ),
    "an encoding nobody asked for": (
        saying(HEAD + b"Content-Encoding: br\r\nContent-Length: 1\r\n\r\n."),
        Reason.BODY,
    ),
    "redirect loop": (redirecting_to_itself, Reason.PROTOCOL),
    "reset at once": (resetting(b""), Reason.PROTOCOL),
    "reset in the headers": (resetting(HEAD), Reason.PROTOCOL),
    "reset after headers": (resetting(HEAD + b"Content-Length: 9\r\n\r\n"), Reason.BODY),
    "garbage": (saying(b"\x00\xffgarbage\r\n\r\n"), Reason.PROTOCOL),
    "garbage, then silence": (saying_and_holding(b"SSH-2.0-OpenSSH_9.6\r\n"), Reason.PROTOCOL),
    "endless garbage": (
        saying_for_ever(b"HTTP/1.1 200 OK\r\nX: ", CHUNK.replace(b"\0", b"x")),
        Reason.PROTOCOL,
    ),
    "closes at once": (saying(), Reason.PROTOCOL),
    "closes in the headers": (saying(HEAD), Reason.PROTOCOL),
    "too long Content-Length": (saying(HEAD + b"Content-Length: 100\r\n\r\nshort"), Reason.BODY),
    "two Content-Lengths": (
        saying(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n.."),
        Reason.PROTOCOL,
    ),
    "negative Content-Length": (saying(HEAD + b"Content-Length: -1\r\n\r\n"), Reason.PROTOCOL),
    "bad chunk": (saying(CHUNKED + b"zz\r\n"), Reason.BODY),
    "no last chunk": (saying(CHUNKED + b"1\r\n.\r\n"), Reason.BODY),
    "endless chunk header": (saying_for_ever(CHUNKED + b"1;", CHUNK.replace(b"\0", b"x")), Reason.BODY),
    "10 MB of headers": (ten_megabytes_of_headers, Reason.PROTOCOL),
    "endless interim answers": (saying_for_ever(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), Reason.PROTOCOL),
    "switches protocols unasked": (saying(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), Reason.PROTOCOL),
}
