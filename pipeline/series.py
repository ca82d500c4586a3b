"""One live series of each type: a number in memory and, where there is a spool, its mirror in a file."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left

from pipeline.definitions import format_bound
from pipeline.spool import SpoolFile


class Value:
    """A float and, where there is a spool, the place in a file that mirrors it."""

    __slots__ = ("amount", "file", "index", "timestamp")

    def __init__(self) -> None:
        self.amount = 0.0
        self.timestamp = 0.0
        self.file: SpoolFile | None = None
        self.index = 0

    def add(self, amount: float) -> None:
        """Add; the caller holds the meter's lock."""
        self.amount = total = self.amount + amount
        if self.file is not None:
            self.file.values[self.index] = total

    def set(self, amount: float, timestamp: float) -> None:
        """Set; the caller holds the meter's lock. `timestamp` is Unix time."""
        self.amount = amount
        self.timestamp = timestamp
        if self.file is not None:
            self.file.values[self.index] = amount
            self.file.values[self.index + 1] = timestamp

    def forget(self) -> None:
        """Begin anew with 0, as if it had never been set; the caller holds the meter's lock."""
        self.amount = 0.0
        self.timestamp = 0.0


class Counter:
    """One series of a counter; `total` is for those who count several together."""

    __slots__ = ("_lock", "total")

    def __init__(self, lock: threading.RLock, total: Value) -> None:
        self._lock = lock
        self.total = total

    @property
    def value(self) -> float:
        return self.total.amount

    def tick(self) -> None:
        """Add 1."""
        total = self.total
        with self._lock:
            total.amount = amount = total.amount + 1.0
            if total.file is not None:
                total.file.values[total.index] = amount

    def inc(self, amount: float = 1.0) -> None:
        """Add `amount`.

        Raises:
            ValueError: the amount is negative or not a number.
        """
        if not amount >= 0:
            raise ValueError(f"a counter only goes up, not by {amount}")
        with self._lock:
            self.total.add(amount)


class Gauge:
    """One series of a gauge; each set notes the time, for the mode `mostrecent`."""

    __slots__ = ("_current", "_lock")

    def __init__(self, lock: threading.RLock, current: Value) -> None:
        self._lock = lock
        self._current = current

    @property
    def value(self) -> float:
        return self._current.amount

    @property
    def parts(self) -> tuple[threading.RLock, Value]:
        return self._lock, self._current

    def set(self, amount: float) -> None:
        with self._lock:
            self._current.set(amount, time.time())

    def inc(self, amount: float = 1.0) -> None:
        with self._lock:
            self._current.set(self._current.amount + amount, time.time())

    def dec(self, amount: float = 1.0) -> None:
        self.inc(-amount)


class GaugePair:
    """Two gauges of one meter that are set together."""

    __slots__ = ("_first", "_lock", "_second")

    def __init__(self, first: Gauge, second: Gauge) -> None:
        self._lock, self._first = first.parts
        _, self._second = second.parts

    def set(self, first: float, second: float) -> None:
        now = time.time()
        with self._lock:
            self._first.set(first, now)
            self._second.set(second, now)


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

    @property
    def parts(self) -> tuple[threading.RLock, tuple[float, ...], list[Value], Value]:
        return self._lock, self._upper_bounds, self._buckets, self._sum

    def observe(self, amount: float) -> None:
        bucket = self._buckets[bisect_left(self._upper_bounds, amount)]
        with self._lock:
            self._sum.add(amount)
            bucket.add(1.0)

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


class CallSeries:
    """How calls of one kind end and how long they take: a counter and a histogram under one lock."""

    __slots__ = ("_buckets", "_lock", "_sum", "_total", "_upper_bounds")

    def __init__(self, outcome: Counter, duration: Histogram) -> None:
        """Both are of one meter."""
        self._total = outcome.total
        self._lock, self._upper_bounds, self._buckets, self._sum = duration.parts

    def count(self, duration_seconds: float, also: Value | None = None) -> None:
        """Count one call; `also`, the total of another counter of the same meter, goes up by 1 with it."""
        bucket = self._buckets[bisect_left(self._upper_bounds, duration_seconds)]
        total = self._total
        spent = self._sum
        # As `Value.add` four times over: this is half of what a guarded call costs us.
        with self._lock:
            total.amount = calls = total.amount + 1.0
            spent.amount = seconds = spent.amount + duration_seconds
            bucket.amount = inside = bucket.amount + 1.0
            if total.file is not None:
                total.file.values[total.index] = calls
            if spent.file is not None:
                spent.file.values[spent.index] = seconds
            if bucket.file is not None:
                bucket.file.values[bucket.index] = inside
            if also is not None:
                also.amount = amount = also.amount + 1.0
                if also.file is not None:
                    also.file.values[also.index] = amount
