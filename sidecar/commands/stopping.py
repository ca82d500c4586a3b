"""Run until done or told to stop: SIGTERM and ctrl-C cancel, and what was started is ended in order."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Coroutine
from typing import Any, Final

EXIT_STOPPED: Final = 0
"""Being told to stop is how a service ends well."""

_STOP_WITHIN_SECONDS: Final = 4.0


def run_until_stopped(work: Coroutine[Any, Any, int]) -> int:
    """The exit status of `work`, or `EXIT_STOPPED` when a signal cancelled it."""
    return asyncio.run(_cancellable(work))


async def _cancellable(work: Coroutine[Any, Any, int]) -> int:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, _stop, task)
    try:
        return await task
    except asyncio.CancelledError:
        return EXIT_STOPPED


def _stop(task: asyncio.Future[int]) -> None:
    # A driver's thread that waits for a hung server can't be interrupted, and nobody should wait for it.
    watchdog = threading.Timer(_STOP_WITHIN_SECONDS, os._exit, (EXIT_STOPPED,))
    watchdog.daemon = True
    watchdog.start()
    task.cancel()
