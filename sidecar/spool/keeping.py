"""The spool's upkeep again and again, beside the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final

import structlog

from sidecar.spool.files import BadFileError, parse_name
from sidecar.spool.layout import name_of_dead
from sidecar.spool.quarantine import Damaged
from sidecar.spool.reader import SpoolReader
from sidecar.spool.upkeep import StoppedError, Upkeep, UpkeepReport

log = structlog.get_logger()

EVERY_SECONDS: Final = 10.0
"""Often: while nobody dies it is cheap, and some processes are known dead only if they were seen alive."""
_WORK_SECONDS: Final = 0.002
_REST_SECONDS: Final = 0.001


class Turns:
    """Called in a thread between two pieces of work, it lets the others run, and ends the work when told."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._since = time.perf_counter()

    def __call__(self) -> None:
        """Rest for a moment after some work.

        Raises:
            StoppedError: after `stop`.
        """
        if time.perf_counter() - self._since >= _WORK_SECONDS:
            # Not `sleep(0)`: a thread that asks for the interpreter back at once mostly gets it.
            self._stopping.wait(_REST_SECONDS)
            self._since = time.perf_counter()
        if self._stopping.is_set():
            raise StoppedError

    def stop(self) -> None:
        self._stopping.set()


async def keep_spool(
    directory: Path,
    reader: SpoolReader,
    *,
    foreign_max_age_seconds: float,
    on_run: Callable[[UpkeepReport], None],
    on_failure: Callable[[], None],
) -> None:
    """Keep the spool until cancelled; a run that is cancelled ends between two files."""
    turns = Turns()
    upkeep = Upkeep(
        directory,
        foreign_max_age_seconds=foreign_max_age_seconds,
        unreadable=lambda: damaged_files(reader),
        breathe=turns,
    )
    told = ""
    while True:
        try:
            report = await _ended_in_order(asyncio.to_thread(upkeep.run), turns)
            told = ""
            if report is not None:
                on_run(report)
        except Exception as error:  # noqa: BLE001 - whatever it is, the spool must not be left alone for good
            on_failure()
            # Not by its text: that can hold a name which is another one each time.
            kind = f"{type(error).__name__} {error.errno}" if isinstance(error, OSError) else repr(error)
            if told != kind:
                told = kind
                problem = str(error) if isinstance(error, OSError) else kind
                log.warning("spool.upkeep_failed", directory=str(directory), problem=problem)
        await asyncio.sleep(EVERY_SECONDS)


async def _ended_in_order(
    work: Coroutine[Any, Any, UpkeepReport | None], turns: Turns
) -> UpkeepReport | None:
    """What the work gives. A thread can't be cancelled: it is told to stop, and waited for."""
    run = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(run)
    except asyncio.CancelledError:
        turns.stop()
        await asyncio.gather(run, return_exceptions=True)
        raise


def damaged_files(reader: SpoolReader) -> Iterator[Damaged]:
    """What the reader can't read now. Its look keeps what is last good fresh while nobody scrapes."""
    for bad in reader.read().bad:
        try:
            name = parse_name(name_of_dead(bad.path.name))
        except BadFileError:
            continue  # no file of ours to judge
        yield Damaged(bad.path, name, reader.last_good(bad.path))
