"""Entries to a file in prometheus_client's multiprocess format, with the values that they had."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from typing import Final

from sidecar.spool.files import Entry

_HEADER: Final = struct.Struct("i4x")
_LENGTH: Final = struct.Struct("i")
_VALUE: Final = struct.Struct("dd")
EMPTY: Final = _HEADER.pack(_HEADER.size)


def to_bytes(entries: Iterable[Entry]) -> bytes:
    """A file's content, exactly as long as is used of it."""
    content = bytearray(EMPTY)
    for entry in entries:
        key = json.dumps(
            [entry.family, entry.sample, dict(entry.labels), entry.help], sort_keys=True
        ).encode()
        content += _LENGTH.pack(len(key))
        content += key + b" " * (8 - (len(key) + _LENGTH.size) % 8)
        content += _VALUE.pack(entry.value, entry.timestamp)
    _HEADER.pack_into(content, 0, len(content))
    return bytes(content)
