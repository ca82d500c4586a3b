"""A meter's values in the files of its worker: opened when first needed, left alone when they fail."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, cast

from pipeline.series import Value
from pipeline.spool import SpoolFile, WorkerSpool

log: Final = logging.getLogger(__name__)

RETRY_SECONDS: Final = 10.0
"""Between two tries to place what found no room."""

_Place = tuple[str, str]
"""Prefix of the file's name, and the key in the file."""


class Mirror:
    """The values of one meter, by their places.

    The caller holds the meter's lock. A signal handler or a finalizer of the same thread may come in
    between two statements all the same, so each of them leaves things right.
    """

    def __init__(self, spool: WorkerSpool | None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Take `monotonic` for the clock."""
        self._spool = spool
        self._monotonic = monotonic
        self._values: dict[_Place, Value] = {}
        self._waiting: list[list[_Place]] = []
        self._refused: list[list[_Place]] = []
        """What found no room. It is tried again after a while, when any of it is counted or more is made."""
        self._refused_at = 0.0
        self._later: _UnopenedFile | None = None
        self._is_busy = False
        self._problem: OSError | None = None
        self._was_told = False

    def values(self, prefix: str, keys: Iterable[str]) -> list[Value]:
        """The values of one series; those that are new begin with 0.

        All of them get a place in the file or none: half a histogram would be a wrong one. What gets none
        is counted in memory alone until there is room.
        """
        places = [(prefix, key) for key in keys]
        new = []
        found = []
        for place in places:
            made = Value()
            value = self._values.setdefault(place, made)
            found.append(value)
            if value is made:
                new.append(place)
        if new and self._spool is not None:
            self._waiting.append(new)
            if self._later is None:
                self._place_waiting(self._spool)
                if self._refused:
                    self._try_again()
            else:
                self._put_off()
        return found

    def all_values(self) -> list[Value]:
        return list(self._values.values())

    def leave(self) -> None:
        """Give the lease back; counting goes on in memory alone."""
        for value in self.all_values():
            value.file = None
        self._waiting = []
        self._refused = []
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def begin_anew_in_child(self) -> None:
        """After a fork: leave the parent's files, and open others when something is first counted.

        A child that never counts leaves no trace in the spool.
        """
        if self._spool is None:
            return
        directory = self._spool.directory
        self.leave()
        self._spool = WorkerSpool(directory, at_once=False)
        self._later = _UnopenedFile(self._open)
        self._waiting = [list(self._values)]
        self._put_off()

    def tell(self) -> None:
        """Say once, in the log, that something could not be placed. Not under the lock: a log may count."""
        if self._problem is not None and self._spool is not None and not self._was_told:
            self._was_told = True
            log.warning(
                "spool.write_failed directory=%s reason=%s remedy=%s",
                self._spool.directory,
                self._problem.strerror,
                "make room or let this user write there; until then what is new is in memory alone",
            )

    def _put_off(self) -> None:
        for places in self._waiting:
            for place in places:
                self._values[place].file = self._later

    def _open(self) -> None:
        """Something is counted for the first time in this process."""
        self._later = None
        if self._spool is not None:
            self._place_waiting(self._spool)
        # Under the lock, but once in a process's life, and nothing may look a series up ever after.
        self.tell()

    def _try_again(self) -> None:
        """Place what found no room before, if that was some time ago."""
        if self._spool is None or self._monotonic() < self._refused_at + RETRY_SECONDS:
            return
        # Until there is none: a signal handler may take the last one after it was seen to be there.
        with suppress(IndexError):
            while True:
                self._waiting.append(self._refused.pop())
        self._place_waiting(self._spool)

    def _place_waiting(self, spool: WorkerSpool) -> None:
        if self._is_busy:
            return  # this is a signal handler, and what it interrupted will place its series too
        self._is_busy = True
        try:
            while self._waiting:
                self._place(spool, self._waiting.pop())
        finally:
            self._is_busy = False

    def _place(self, spool: WorkerSpool, places: Sequence[_Place]) -> None:
        for prefix in dict.fromkeys(prefix for prefix, _ in places):
            keys = [key for of_prefix, key in places if of_prefix == prefix]
            values = [self._values[prefix, key] for key in keys]
            try:
                file = spool.file(prefix)
                indexes = file.append(keys)
            except OSError as error:
                # The user's call matters more than its count.
                self._problem = error
                self._refused_at = self._monotonic()
                self._refused.append([(prefix, key) for key in keys])
                again = _UnopenedFile(self._try_again)
                for value in values:
                    value.file = again
                continue
            for value, index in zip(values, indexes, strict=True):
                # In this order: it may be counted in between.
                value.index = index
                value.file = file
                file.values[index] = value.amount
                file.values[index + 1] = value.timestamp


class _UnopenedFile(SpoolFile):
    """Stands for a file until something is stored in it, and what it stands for can take its place."""

    def __init__(self, open_files: Callable[[], None]) -> None:
        self._open_files = open_files
        self.values = cast("memoryview[float]", self)

    def __setitem__(self, _index: int, _amount: float) -> None:
        # The amount is in memory already, from where all are copied.
        self._open_files()
