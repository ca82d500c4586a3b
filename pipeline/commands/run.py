"""`pipeline run`: jobs through the layers."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import signal
import tempfile
import threading
from pathlib import Path
from typing import Final

from pipeline.commands.command import Command
from pipeline.jobs import UsageError, find_sources, printable, read_job
from pipeline.logs import configure_logging
from pipeline.meter import Meter
from pipeline.settings import Settings
from pipeline.spool import SpoolError
from pipeline.summary import Summary

_DEFAULT_CONCURRENCY: Final = 4
_MAX_CONCURRENCY: Final = 1_000
_SOME_FAILED: Final = 1
_KILLED_BY: Final = 128
# A resolver's thread or a full disk can hold the interpreter up; whoever asked us to stop will not wait.
_STOP_WITHIN_SECONDS: Final = 2.5


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", metavar="PATH", type=Path, nargs="+", help="a posting, or a directory of them"
    )
    parser.add_argument(
        "--output", metavar="DIR", type=Path, default=Path("output"), help="where results go; default: output"
    )
    parser.add_argument(
        "--concurrency",
        metavar="N",
        type=_concurrency,
        default=_DEFAULT_CONCURRENCY,
        help=f"jobs at a time; default: {_DEFAULT_CONCURRENCY}",
    )
    parser.add_argument(
        "--every",
        metavar="SECONDS",
        type=_seconds,
        help="start over so long after the last job ended, until stopped",
    )


def _execute(options: argparse.Namespace) -> int:
    """Returns 0 when every job is done, 1 when one failed, 130 and 143 when stopped by SIGINT and SIGTERM."""
    settings = Settings.from_environment(os.environ)
    find_sources(options.paths)
    _check_writable(options.output)
    try:
        meter = Meter() if settings.spool is None else Meter.spooling(settings.spool)
    except SpoolError as error:
        raise UsageError(f"SIDECAR_SPOOL: {error.strerror}") from None
    try:
        configure_logging()
        return _Execution(options, settings, meter).run()
    except ModuleNotFoundError as error:
        if error.name != "openai":
            raise
        raise UsageError("openai is not installed; run pip install 'pipeline-sidecar[providers]'") from None
    finally:
        meter.close()


class _Execution:
    """`pipeline run`, from the start of the loop to the exit status."""

    def __init__(self, options: argparse.Namespace, settings: Settings, meter: Meter) -> None:
        self._paths: list[Path] = options.paths
        self._output: Path = options.output
        self._concurrency: int = options.concurrency
        self._every_seconds: float | None = options.every
        self._settings = settings
        self._meter = meter
        self._stopped_by: int | None = None
        self._watchdog: threading.Timer | None = None

    def run(self) -> int:
        try:
            return asyncio.run(self._run_until_stopped())
        finally:
            if self._watchdog is not None:
                self._watchdog.cancel()

    async def _run_until_stopped(self) -> int:
        rounds = asyncio.create_task(self._rounds())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, rounds, number)
        try:
            return await rounds
        except asyncio.CancelledError:
            if self._stopped_by is None:
                raise
            return _KILLED_BY + self._stopped_by

    def _stop(self, rounds: asyncio.Task[int], number: int) -> None:
        if self._stopped_by is not None:
            return
        self._stopped_by = number
        self._watchdog = threading.Timer(_STOP_WITHIN_SECONDS, os._exit, (_KILLED_BY + number,))
        self._watchdog.daemon = True
        self._watchdog.start()
        rounds.cancel()

    async def _rounds(self) -> int:
        """Run the jobs once, or again and again; the providers and what they have learnt stay."""
        from pipeline.layers import LAYERS, Workplace
        from pipeline.providers import Providers
        from pipeline.runner import Runner

        providers = Providers.open(self._settings, self._meter)
        try:
            workplace = Workplace(providers, self._output)
            runner = Runner(LAYERS, workplace, self._meter, concurrency=self._concurrency)
            while True:
                sources = find_sources(self._paths)
                summary = Summary(len(sources))
                try:
                    await runner.run(map(read_job, sources), on_end=summary.add)
                finally:
                    summary.write()
                if self._every_seconds is None:
                    return 0 if summary.all_done else _SOME_FAILED
                await asyncio.sleep(self._every_seconds)
        finally:
            await providers.close()


def _concurrency(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MAX_CONCURRENCY:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {_MAX_CONCURRENCY}")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if seconds > 0 and math.isfinite(seconds):
        return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")


def _check_writable(directory: Path) -> None:
    """Make the directory, before any money is spent on what could not be kept."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no valid path"
        raise UsageError(
            f"--output: {printable(directory)} cannot be written: {reason};"
            " name a directory that this user can write"
        ) from None


RUN: Final = Command("run", "run job postings through the layers", _add_arguments, _execute)
