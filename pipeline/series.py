"""One live series of each type: a number in memory and, where there is a spool, its mirror in a file."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left

from pipeline.definitions import format_bound
from pipeline.spool import SpoolFile, pack_value

_VALUE_BYTES = 16


class Value:
    """A float and, where there is a spool, the place in a file that mirrors it."""

    __slots__ = ("_file", "_offset", "amount")

    def __init__(self) -> None:
        self.amount = 0.0
        self._file: SpoolFile | None = None
        self._offset = 0

    def mirror_in(self, file: SpoolFile, key: str) -> None:
        self._offset = file.append(key)
        self._file = file
        self.write(self.amount)

    def detach(self) -> None:
        self._file = None

    def write(self, amount: float, timestamp: float = 0.0) -> None:
        self.amount = amount
        file = self._file
        if file is not None:
            # One slice assignment: pack_into would let a reader see a 0 in between.
            file.buffer[self._offset : self._offset + _VALUE_BYTES] = pack_value(amount, timestamp)


class Counter:
    """One series of a counter."""

    __slots__ = ("_lock", "_total")

    def __init__(self, lock: threading.RLock, total: Value) -> None:
        self._lock = lock
        self._total = total

    @property
    def value(self) -> float:
        return self._total.amount

    def inc(self, amount: float = 1.0) -> None:
        """Add `amount`.

        Raises:
            ValueError: the amount is negative or not a number.
        """
        if not amount >= 0:
            raise ValueError(f"a counter only goes up, not by {amount}")
        with self._lock:
            self._total.write(self._total.amount + amount)


class Gauge:
    """One series of a gauge; each set notes the time, for the mode `mostrecent`."""

    __slots__ = ("_current", "_lock")

    def __init__(self, lock: threading.RLock, current: Value) -> None:
        self._lock = lock
        self._current = current

    @property
    def value(self) -> float:
        return self._current.amount

    def set(self, amount: float) -> None:
        with self._lock:
            self._current.write(amount, time.time())

    def inc(self, amount: float = 1.0) -> None:
        with self._lock:
            self._current.write(self._current.amount + amount, time.time())

    def dec(self, amount: float = 1.0) -> None:
        self.inc(-amount)


class Histogram:
    """One series of a histogram; buckets are kept un-accumulated, as the file format wants them."""

    __slots__ = ("_buckets", "_lock", "_sum", "_upper_bounds")

    def __init__(
        self, lock: threading.RLock, upper_bounds: tuple[float, ...], buckets: list[Value], total: Value
    ) -> None:
        self._lock = lock
        self._upper_bounds = upper_bounds
        self._buckets = buckets
        self._sum = total

    def observe(self, amount: float) -> None:
        bucket = self._buckets[bisect_left(self._upper_bounds, amount)]
        with self._lock:
            self._sum.write(self._sum.amount + amount)
            bucket.write(bucket.amount + 1)

    @property
    def sum(self) -> float:
        return self._sum.amount

    @property
    def count(self) -> float:
        return sum(bucket.amount for bucket in self._buckets)

    def cumulative(self) -> list[tuple[str, float]]:
        """The buckets as the exposition wants them: (upper bound, observations up to it)."""
        below = 0.0
        rows = []
        for bound, bucket in zip(self._upper_bounds, self._buckets, strict=True):
            below += bucket.amount
            rows.append((format_bound(bound), below))
        return rows
