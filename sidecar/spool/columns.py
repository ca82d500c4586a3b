"""What a metric file holds beside its values: the keys in their order, and where each one's value lies.

Workers of one program write the same keys, so most files share one `Columns`. With it a file is read in
a few calls: its values are unpacked at once, and that its keys are still the same is checked at once.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final
from weakref import WeakValueDictionary

from sidecar.spool.errors import BadFileError
from sidecar.spool.keys import Key, parse_key

HEADER_BYTES: Final = 8
LENGTH: Final = struct.Struct("i")
VALUE: Final = struct.Struct("dd")

Data = bytes | bytearray | memoryview

Values = Sequence[float]
"""Kept as arrays: a quarter of a tuple's memory, and nothing for the collector of garbage to look through.
Few values, if they are read again soon, are kept as a tuple, which is had and merged in half the time."""

_FEW: Final = 1_000


class Columns:
    """Keys of the first `used` bytes of a file."""

    def __init__(self, keys: tuple[Key, ...], raw: tuple[bytes, ...]) -> None:
        """Take for each entry its key, and all of its bytes that stand before its value."""
        self.keys = keys
        self.raw = raw
        sizes = [len(part) for part in raw]
        self.used = HEADER_BYTES + sum(sizes) + VALUE.size * len(sizes)
        # Native: a value is then read by one load, and never half of it.
        self._values = struct.Struct("8x" + "".join([f"{size}xd8x" for size in sizes]))
        self._raw = struct.Struct("8x" + "".join([f"{size}s16x" for size in sizes]))
        self._stamped: struct.Struct | None = None
        self._sizes = sizes

    def values(self, data: Data, *, read_often: bool = False) -> Values:
        values = self._values.unpack_from(data)
        return values if read_often and len(values) <= _FEW else array("d", values)

    def timestamps(self, data: Data) -> Values:
        """What stands behind each value."""
        if self._stamped is None:
            self._stamped = struct.Struct("8x" + "".join([f"{size}x8xd" for size in self._sizes]))
        return array("d", self._stamped.unpack_from(data))

    def begin(self, data: Data) -> bool:
        """Whether the data begins with these keys."""
        return self._raw.unpack_from(data) == self.raw


EMPTY: Final = Columns((), ())

_known: WeakValueDictionary[tuple[bool, tuple[bytes, ...]], Columns] = WeakValueDictionary()
_latest: WeakValueDictionary[tuple[bool, int], Columns] = WeakValueDictionary()


def columns_of(data: memoryview, used: int, *, buckets: bool, before: Columns = EMPTY) -> Columns:
    """The columns of a file.

    Args:
        data: the file, or more of it.
        used: how much counts, header included.
        buckets: a histogram's file, where every label `le` must hold a number.
        before: what the file is known to begin with.

    Raises:
        BadFileError: the bytes don't hold what the format says.
    """
    if used == before.used:
        return before
    likely = _latest.get((buckets, used))
    if likely is not None and likely.begin(data):
        return likely
    keys, raw = list(before.keys), list(before.raw)
    for key, part in _entries(data[:used], before.used, buckets=buckets):
        keys.append(key)
        raw.append(part)
    whole = (buckets, tuple(raw))
    columns = _known.get(whole)
    if columns is None:
        columns = _known[whole] = Columns(tuple(keys), tuple(raw))
    _latest[buckets, used] = columns
    return columns


def readable_columns(data: memoryview, *, buckets: bool) -> Columns:
    """The columns that stand before the damage; `data` and `buckets` as for `columns_of`."""
    keys: list[Key] = []
    raw: list[bytes] = []
    with suppress(BadFileError):
        for key, part in _entries(data, HEADER_BYTES, buckets=buckets):
            keys.append(key)
            raw.append(part)
    return Columns(tuple(keys), tuple(raw))


def _entries(data: memoryview, position: int, *, buckets: bool) -> Iterator[tuple[Key, bytes]]:
    """Each key, and all bytes before its value."""
    while position < len(data):
        key, value_at = _key_at(data, position)
        if buckets:
            key.bound()
        yield key, bytes(data[position:value_at])
        position = value_at + VALUE.size


def _key_at(data: memoryview, position: int) -> tuple[Key, int]:
    """The key of the entry at the position, and the position of its value.

    Raises:
        BadFileError: there is no whole entry there.
    """
    start = position + LENGTH.size
    if start > len(data):
        raise BadFileError("an entry goes on past the end")
    length = LENGTH.unpack_from(data, position)[0]
    if length < 0:
        raise BadFileError(f"a key of {length} bytes")
    # Padded so that the value is aligned to 8 bytes from the start of the file.
    value_at = start + length + 8 - (length + LENGTH.size) % 8
    if value_at + VALUE.size > len(data):
        raise BadFileError("an entry goes on past the end")
    return parse_key(bytes(data[start : start + length])), value_at
