"""Runs blocking name lookups in threads that a hung one can't use up."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

MAX_THREADS: Final = 32
_IDLE_SECONDS: Final = 10.0

Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]
"""Family and what `connect` takes; the port is the one asked for."""
Key = tuple[str, socket.AddressFamily]
Lookup = Callable[[str, socket.AddressFamily], list[Address]]


def look_up(host: str, family: socket.AddressFamily) -> list[Address]:
    """Ask the system, which may take as long as it likes; the ports are 0."""
    found = socket.getaddrinfo(host, None, family, socket.SOCK_STREAM)
    return list(dict.fromkeys((entry[0], entry[4]) for entry in found))  # type: ignore[misc]


class Lookups:
    """One lookup of the same name at a time, whoever waits for it.

    A lookup can't be cancelled. Those that hang hold one thread each, not one more at every run of a
    probe; when all threads hang, further names wait. Threads that have nothing to do end; none keeps
    the process alive.
    """

    def __init__(self, lookup: Lookup = look_up, max_threads: int = MAX_THREADS) -> None:
        self._lookup = lookup
        self._max_threads = max_threads
        self._lock = threading.Lock()
        self._flights: dict[Key, Future[list[Address]]] = {}
        self._waiting: queue.SimpleQueue[Key] = queue.SimpleQueue()
        self._threads = 0
        self._queued_or_running = 0

    def start(self, host: str, family: socket.AddressFamily) -> Future[list[Address]]:
        """Join the lookup of this name that is under way, or begin one; cancelling has no effect on it."""
        key = (host, family)
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight
            flight = self._flights[key] = Future()
            flight.set_running_or_notify_cancel()  # From here on nobody who waits can cancel it for others.
            self._waiting.put(key)
            self._queued_or_running += 1
            if self._queued_or_running > self._threads < self._max_threads:
                self._threads += 1
                threading.Thread(target=self._work, name="name lookup", daemon=True).start()
            return flight

    def _work(self) -> None:
        while True:
            try:
                key = self._waiting.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._queued_or_running < self._threads:
                        self._threads -= 1
                        return
                continue
            self._answer(key)

    def _answer(self, key: Key) -> None:
        addresses: list[Address] = []
        failure: Exception | None = None
        try:
            addresses = self._lookup(*key)
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait
            failure = error
        with self._lock:
            flight = self._flights.pop(key)
            self._queued_or_running -= 1
        if failure is None:
            flight.set_result(addresses)
        else:
            flight.set_exception(failure)
