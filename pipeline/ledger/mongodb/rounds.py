"""What is due is told to the server in rounds, one after another; who asks waits for the next."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Final

from pipeline.ledger.mongodb.connection import Connection, UnavailableError

log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS: Final = 0.25
_LONGEST_PAUSE_SECONDS: Final = 5.0


class Rounds:
    """Calls `round_of`, in the connection's thread, when woken and when it said that more is due."""

    def __init__(
        self,
        connection: Connection,
        round_of: Callable[[], Awaitable[float | None]],
        on_unavailable: Callable[[], None],
    ) -> None:
        """`round_of` returns after how many seconds it is due again; None: when woken.

        Where it raises UnavailableError, `on_unavailable` is called, and there is a pause, longer each time.
        """
        self._connection = connection
        self._round_of = round_of
        self._on_unavailable = on_unavailable
        self._inherited: list[object] = []
        self._begin()

    def begin_in_child(self) -> None:
        """Leave what there is to the process from which this one was forked."""
        self._inherited.append(self._task)  # kept, or else asyncio would complain of it
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self.is_pausing = False
        """The server could not be asked a moment ago: nobody should wait for the next round."""
        self.is_ticking = False
        """The next round comes within a second, without being woken."""
        self._is_woken = False
        self._waiting: list[Future[None]] = []
        self._event: asyncio.Event | None = None
        self._pause: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Have a round soon, from any thread; cheap where one is coming anyway."""
        if not self._is_woken:
            self._is_woken = True
            self._connection.loop.call_soon_threadsafe(self._wake)

    def next(self) -> Future[None]:
        """Done after a whole round that begins after now, and soon: a pause ends.

        Failed with UnavailableError where that round did.
        """
        done: Future[None] = Future()
        with self._lock:
            self._waiting.append(done)
        self.wake()
        self._connection.loop.call_soon_threadsafe(self._end_pause)
        return done

    def stop(self) -> None:
        """No more rounds until woken again."""
        task, self._task = self._task, None
        self._is_woken = self.is_ticking = False
        if task is not None:
            self._connection.loop.call_soon_threadsafe(task.cancel)

    def _wake(self) -> None:
        if self._task is None:
            self._event = asyncio.Event()
            self._task = asyncio.get_running_loop().create_task(self._run(self._event))
        elif self._event is not None:
            self._event.set()

    def _end_pause(self) -> None:
        if self._pause is not None:
            self._pause.set()

    async def _run(self, woken: asyncio.Event) -> None:
        pause_seconds = _FIRST_PAUSE_SECONDS
        while True:
            woken.clear()
            self._is_woken = False
            self._pause = None
            with self._lock:
                waiting, self._waiting = self._waiting, []
            due_seconds: float | None
            try:
                due_seconds = await self._round_of()
            except Exception as error:  # noqa: BLE001  (logged; a round that fails must not be the last)
                if not threading.main_thread().is_alive():
                    return  # the interpreter ends, and motor's threads have
                self._fail(error, waiting)
                self._pause = asyncio.Event()
                if self._waiting:  # since this round began
                    self._pause.set()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_seconds):
                        await self._pause.wait()
                pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
                continue
            if self.is_pausing:
                self.is_pausing = False
                log.info("ledger.available hosts=%s", self._connection.hosts)
            pause_seconds = _FIRST_PAUSE_SECONDS
            for done in waiting:
                if not done.done():
                    done.set_result(None)
            self.is_ticking = due_seconds is not None and due_seconds < 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(due_seconds):
                    await woken.wait()

    def _fail(self, error: Exception, waiting: list[Future[None]]) -> None:
        if self.is_pausing:
            pass  # told before
        elif not isinstance(error, UnavailableError):
            log.error("ledger.round_failed", exc_info=error)
        else:
            log.warning("ledger.unavailable reason=%s", error.strerror)
        self.is_pausing = True
        self._on_unavailable()
        for done in waiting:
            if not done.done():
                done.set_exception(error)
