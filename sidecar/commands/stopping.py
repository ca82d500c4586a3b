"""Run until done or told to stop: SIGTERM and ctrl-C cancel, and what was started is ended in order."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Coroutine
from typing import Any, Final

_STOP_WITHIN_SECONDS: Final = 4.0


_KILLED_BY: Final = 128


def run_until_stopped(work: Coroutine[Any, Any, int], *, is_service: bool = True) -> int:
    """The exit status of `work`, or what says that a signal ended it.

    To be told to stop is how a service ends well: 0. Work that had an end of its own to reach has not
    reached it: 128 + the signal's number.
    """
    return asyncio.run(_cancellable(work, is_service=is_service))


async def _cancellable(work: Coroutine[Any, Any, int], *, is_service: bool) -> int:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    told: list[int] = []

    def stop(signal_number: int) -> None:
        told.append(0 if is_service else _KILLED_BY + signal_number)
        _stop(task, told[0])

    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop, signal_number)
    try:
        return await task
    except asyncio.CancelledError:
        return told[0]


def _stop(task: asyncio.Future[int], status: int) -> None:
    # A driver's thread that waits for a hung server can't be interrupted, and nobody should wait for it.
    watchdog = threading.Timer(_STOP_WITHIN_SECONDS, os._exit, (status,))
    watchdog.daemon = True
    watchdog.start()
    task.cancel()
