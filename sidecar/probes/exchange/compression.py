"""Decompresses piece by piece and never holds more than was allowed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from sidecar.probes.result import ProbeFailure, Reason

ACCEPTED: Final = "gzip, deflate"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_STEP_BYTES: Final = 65_536
_MAX_MEMBERS: Final = 1_000
_OVERHEAD_BYTES: Final = 65_536
"""What a body that doesn't compress may take on the wire beyond its own length."""


class Body:
    """A body that comes in pieces; `max_bytes` holds before and after decompression."""

    def __init__(self, encoding: str, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._wire_bytes_left = max_bytes
        self._pieces: list[bytes] = []
        self._length = 0
        self._decoder: _Decoder | None = None
        self._encoding = encoding.strip().lower()

    def feed(self, data: bytes) -> None:
        """Take the next piece.

        Raises:
            ProbeFailure: `body`: too long, or not compressed as it says.
        """
        if self._decoder is None and not self._pieces:
            self._begin(data)
        self._wire_bytes_left -= len(data)
        if self._wire_bytes_left < 0:
            raise self._too_long()
        if self._decoder is None:
            self._pieces.append(data)
            return
        try:
            for piece in self._decoder.pieces(data):
                self._length += len(piece)
                if self._length > self._max_bytes:
                    raise self._too_long()
                self._pieces.append(piece)
        except zlib.error:
            raise ProbeFailure(Reason.BODY, f"not {self._encoding}, as it says") from None

    def finish(self) -> bytes:
        """Say that this was all.

        Raises:
            ProbeFailure: `body`: the compressed data isn't complete.
        """
        if self._decoder is not None and not self._decoder.complete:
            raise ProbeFailure(Reason.BODY, "compressed data cut short")
        return b"".join(self._pieces)

    def _begin(self, data: bytes) -> None:
        # Only now, because an answer to HEAD names an encoding and has no body.
        if self._encoding in {"", "identity"}:
            return
        if self._encoding in {"gzip", "x-gzip"}:
            self._decoder = _Decoder(16 + zlib.MAX_WBITS)
        elif self._encoding == "deflate":
            # By the standard with zlib's header; some servers leave it out.
            has_header = data[0] & 0x0F == 8 and (len(data) < 2 or int.from_bytes(data[:2]) % 31 == 0)
            self._decoder = _Decoder(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
        else:
            raise ProbeFailure(Reason.BODY, f"an encoding other than {ACCEPTED}")
        self._wire_bytes_left += _OVERHEAD_BYTES

    def _too_long(self) -> ProbeFailure:
        return ProbeFailure(Reason.BODY, f"body longer than {self._max_bytes} bytes")


class _Decoder:
    def __init__(self, window_bits: int) -> None:
        self._window_bits = window_bits
        self._members = 1
        self._stream = zlib.decompressobj(window_bits)

    @property
    def complete(self) -> bool:
        return self._stream.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Decompress, at most `_STEP_BYTES` in memory at a time; gzip may have several members.

        What follows the end is ignored.
        """
        while data:
            if self._stream.eof:
                if not self._window_bits > zlib.MAX_WBITS or not data.startswith(_GZIP_MAGIC):
                    return
                self._members += 1
                if self._members > _MAX_MEMBERS:
                    raise zlib.error
                self._stream = zlib.decompressobj(self._window_bits)
            yield self._stream.decompress(data, _STEP_BYTES)
            data = self._stream.unconsumed_tail or self._stream.unused_data
