"""When a certificate expires, read from its DER.

Python parses only certificates it has verified; a probe that verifies nothing wants the date all the same.
"""

from __future__ import annotations

import calendar
import time
from typing import Final

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_FORMAT: Final = "%Y%m%d%H%M%SZ"


def expiry(der: bytes) -> float | None:
    """Unix time of `notAfter`; None when this is no certificate (RFC 5280, section 4.1)."""
    try:
        certificate = _enter(der, _SEQUENCE)
        rest = _enter(certificate, _SEQUENCE)
        if rest[0] == _VERSION:
            rest = _skip(rest)
        for _ in ("serialNumber", "signature", "issuer"):
            rest = _skip(rest)
        tag, text, _ = _read(_skip(_enter(rest, _SEQUENCE)))
        # Two digits mean 1950 to 2049; strptime would have it from 1969 to 2068.
        if tag == _UTC_TIME:
            text = (b"19" if text[:2] >= b"50" else b"20") + text
        return float(calendar.timegm(time.strptime(text.decode("ascii"), _FORMAT)))
    except (IndexError, ValueError):
        return None


def _read(der: bytes) -> tuple[int, bytes, bytes]:
    """The first element's tag and content, and what comes after it."""
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start])
    return der[0], der[start : start + length], der[start + length :]


def _enter(der: bytes, tag: int) -> bytes:
    found, content, _ = _read(der)
    if found != tag:
        raise ValueError("another element was expected")
    return content


def _skip(der: bytes) -> bytes:
    return _read(der)[2]
