"""Run until done or told to stop: SIGTERM and ctrl-C cancel, and what was started is ended in order."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

_STOP_WITHIN_SECONDS: Final = 4.0

_KILLED_BY: Final = 128

BeforeEnd = Callable[[], Coroutine[Any, Any, None]]


def status_in_shell(returncode: int) -> int:
    """What a shell calls the status of a process, of which Python has given the return code."""
    return _KILLED_BY - returncode if returncode < 0 else returncode


def run_until_stopped(
    work: Coroutine[Any, Any, int],
    *,
    is_service: bool = True,
    needs_terminal: bool = False,
    before_end: BeforeEnd | None = None,
) -> int:
    """The exit status of `work`, or what says that a signal ended it.

    To be told to stop is how a service ends well: 0. Work that had an end of its own to reach has not
    reached it: 128 + the signal's number.

    With `needs_terminal` that the terminal is closed, SIGHUP, is such a signal too, unless it was ignored
    when the process was started, as by `nohup`.

    SIGTERM lets `before_end` finish first. SIGINT, somebody at the keyboard, and any second signal don't.
    """
    return asyncio.run(
        _cancellable(work, is_service=is_service, needs_terminal=needs_terminal, before_end=before_end)
    )


async def _cancellable(
    work: Coroutine[Any, Any, int], *, is_service: bool, needs_terminal: bool, before_end: BeforeEnd | None
) -> int:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    told: list[int] = []
    waiting: asyncio.Task[None] | None = None

    def end(waited: asyncio.Task[None]) -> None:
        if not waited.cancelled():
            _stop(task, told[0])

    def stop(signal_number: int) -> None:
        nonlocal waiting
        told.append(0 if is_service else _KILLED_BY + signal_number)
        if before_end is not None and signal_number == signal.SIGTERM and len(told) == 1:
            waiting = loop.create_task(before_end())
            waiting.add_done_callback(end)
            return
        if waiting is not None:
            waiting.cancel()
        _stop(task, told[0])

    ends_with_terminal = needs_terminal and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    for signal_number in (signal.SIGTERM, signal.SIGINT, *((signal.SIGHUP,) if ends_with_terminal else ())):
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
