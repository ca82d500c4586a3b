"""Child processes that end with the demo, whatever ends it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

_STOP_SECONDS: Final = 2.5
_PR_SET_PDEATHSIG: Final = 1


class ChildError(Exception):
    """A child did not start; the message is one line."""


@asynccontextmanager
async def child(
    *command: str, environment: Mapping[str, str], read_output: bool = False
) -> AsyncIterator[Process]:
    """One process, stopped when the context ends: SIGTERM, then SIGKILL for its whole group.

    It has a session of its own, so that ctrl-C reaches the demo alone, which ends its children in order.
    What it prints is for the caller to read, or else goes to standard error.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=DEVNULL,
        stdout=PIPE if read_output else sys.stderr,
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )
    try:
        yield process
    finally:
        await asyncio.shield(_stop(process))


async def first_line(process: Process, name: str, timeout_seconds: float) -> str:
    """What the child prints once it is ready.

    Raises:
        ChildError: it ended, or said nothing in time.
    """
    assert process.stdout is not None  # noqa: S101
    try:
        async with asyncio.timeout(timeout_seconds):
            line = await process.stdout.readline()
    except TimeoutError:
        raise ChildError(f"{name} did not start within {timeout_seconds:.0f} s") from None
    if not line:
        raise ChildError(f"{name} ended before it was ready, with status {await process.wait()}")
    return line.decode(errors="replace").strip()


async def _stop(process: Process) -> None:
    if process.returncode is None:
        _signal(process, signal.SIGTERM)
        _signal(process, signal.SIGCONT)  # a person may have stopped it, to see what happens
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
    _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: Process, signal_number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal_number)


def _die_with_parent() -> None:
    """In the child: be killed when the demo is, even by `kill -9`. Linux alone has this."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
