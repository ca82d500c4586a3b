"""`pipeline run`: jobs through the layers."""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from pipeline.commands.command import Command
from pipeline.execution import Execution, RunOptions
from pipeline.jobs import UsageError, find_sources, printable
from pipeline.jobs.files import STANDARD_INPUT
from pipeline.logs import LogFormat, configure_logging
from pipeline.meter import Meter
from pipeline.progress.output import open_closed_streams
from pipeline.settings import Settings
from pipeline.spool import SpoolError

_DEFAULT_CONCURRENCY: Final = 4
_MAX_CONCURRENCY: Final = 1_000
_EXTRAS: Final = {
    "openai": "providers",
    "anthropic": "providers",
    "firecrawl": "providers",
    "distributed": "dask",
}
"""Modules that may be missing, by the extra that brings them."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", metavar="PATH", type=Path, nargs="*", help="a posting, a directory of them, or - for stdin"
    )
    parser.add_argument(
        "--from-mongodb",
        metavar="COLLECTION",
        type=_collection,
        help="take postings from this collection of MONGODB_URI, and put results back there",
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
        "--again", action="store_true", help="run jobs anew that are done; default: leave them out"
    )
    parser.add_argument(
        "--every",
        metavar="SECONDS",
        type=_seconds,
        help="start over, with --again, so long after the last job ended, until stopped",
    )
    parser.add_argument(
        "--dask", metavar="ADDRESS", help="run the jobs on the workers of this Dask cluster: tcp://host:8786"
    )
    parser.add_argument(
        "--log-format",
        choices=[kind.value for kind in LogFormat],
        default=LogFormat.TEXT.value,
        help="how log events are written to standard error; default: text",
    )


def _execute(arguments: argparse.Namespace) -> int:
    """Returns 0 when every job is done, 1 when one failed, 130 and 143 when stopped by SIGINT and SIGTERM."""
    options = _options(arguments)
    settings = Settings.from_environment(os.environ)
    _check_sources(options)
    open_closed_streams()
    _check_writable(arguments.output)
    try:
        meter = Meter() if settings.spool is None else Meter.spooling(settings.spool)
    except SpoolError as error:
        raise UsageError(f"SIDECAR_SPOOL: {error.strerror}") from None
    try:
        configure_logging(LogFormat(arguments.log_format))
        return Execution(options, settings, meter).run()
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        if extra is None:
            raise
        raise UsageError(
            f"{error.name} is not installed; run pip install 'pipeline-sidecar[{extra}]'"
        ) from None
    finally:
        meter.close()


def _options(arguments: argparse.Namespace) -> RunOptions:
    return RunOptions(
        paths=tuple(arguments.paths),
        collection=arguments.from_mongodb,
        output=_absolute(arguments.output),
        concurrency=arguments.concurrency,
        # A record of a collection says itself whether it is done.
        again=arguments.again or (arguments.every is not None and arguments.from_mongodb is None),
        every_seconds=arguments.every,
        dask_address=arguments.dask,
    )


def _absolute(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):  # a ring of links; whoever writes there says what is wrong
        return path


def _check_sources(options: RunOptions) -> None:
    """Refuse what gives no job, before anything is started."""
    if any(str(path).startswith(("mongodb:/", "mongodb+srv:/")) for path in options.paths):
        raise UsageError(
            "PATH: a MongoDB URI would show its password to everyone on this machine;"
            " put it into MONGODB_URI and name the collection with --from-mongodb"
        )
    if options.collection is not None:
        if options.paths:
            raise UsageError("PATH: there are paths and --from-mongodb; give one of them")
        if options.again:
            raise UsageError("--again: is for paths; to run a record anew, unset its field pipeline_job")
        return
    if not options.paths:
        raise UsageError("PATH: there is none; name a posting, a directory of postings, - or --from-mongodb")
    if STANDARD_INPUT in options.paths and options.every_seconds is not None:
        raise UsageError("PATH: - can be read only once; leave out --every")
    if STANDARD_INPUT in options.paths and sys.stdin is None:
        raise UsageError("PATH: - is standard input, and that is closed; pipe the posting in")
    paths = [path for path in options.paths if path != STANDARD_INPUT]
    find_sources(paths, may_be_empty=options.every_seconds is not None)


def _collection(text: str) -> str:
    if 0 < len(text) <= 120 and text.isprintable() and "$" not in text and not text.startswith("system."):
        return text
    raise argparse.ArgumentTypeError(f"{printable(text)!r} is no name of a collection")


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
