"""The command `pipeline`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import os
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from pipeline.jobs import UsageError, find_sources, printable, read_job
from pipeline.meter import Meter
from pipeline.metrics import DONE, RunOutcome
from pipeline.settings import Settings, SettingsError
from pipeline.spool import SpoolError

if TYPE_CHECKING:
    from pipeline.runner import JobReport

_DEFAULT_CONCURRENCY: Final = 4
_MAX_CONCURRENCY: Final = 1_000
_SOME_FAILED: Final = 1
_USAGE_ERROR: Final = 2
_KILLED_BY: Final = 128
# A resolver's thread or a full disk can hold the interpreter up; whoever asked us to stop will not wait.
_STOP_WITHIN_SECONDS: Final = 2.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0 when every job succeeded, 1 when one failed, 2 for what the user has to change, 130 and 143
        when stopped by SIGINT and SIGTERM.
    """
    options = _parse(arguments)
    try:
        settings = Settings.from_environment(os.environ)
        find_sources(options.paths)
        _check_writable(options.output)
        meter = Meter() if settings.spool is None else Meter.spooling(settings.spool)
    except SettingsError as error:
        return _refuse(*error.problems)
    except UsageError as error:
        return _refuse(str(error))
    except SpoolError as error:
        return _refuse(f"SIDECAR_SPOOL: {error.strerror}")
    try:
        _configure_logging()
        return _Command(options, settings, meter).run()
    except UsageError as error:
        return _refuse(str(error))
    except ModuleNotFoundError as error:
        if error.name != "openai":
            raise
        return _refuse("openai is not installed; run pip install 'pipeline-sidecar[providers]'")
    except KeyboardInterrupt:
        return _KILLED_BY + signal.SIGINT
    except BrokenPipeError:
        # Whoever read the summary has gone; without this the interpreter would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return _SOME_FAILED
    finally:
        meter.close()


class _Command:
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
                summary = _Summary(len(sources))
                try:
                    await runner.run(map(read_job, sources), on_end=summary.add)
                finally:
                    summary.write()
                if self._every_seconds is None:
                    return 0 if summary.all_done else _SOME_FAILED
                await asyncio.sleep(self._every_seconds)
        finally:
            await providers.close()


class _Summary:
    """What one round of jobs came to, for standard output."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._reports: list[JobReport] = []

    def add(self, report: JobReport) -> None:
        self._reports.append(report)

    @property
    def all_done(self) -> bool:
        done = [report for report in self._reports if report.outcome in DONE]
        return len(done) == self._expected

    def write(self) -> None:
        rows = [("outcome", "cost USD", "seconds", "posting", "files")]
        rows += [
            (
                report.outcome.value,
                f"{report.cost_usd:.6f}",
                f"{report.duration_seconds:.2f}",
                printable(Path(report.source).name),
                _result_of(report),
            )
            for report in self._reports
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            f"{outcome:<{widths[0]}}  {cost:>{widths[1]}}  {seconds:>{widths[2]}}"
            f"  {posting:<{widths[3]}}  {result}"
            for outcome, cost, seconds, posting, result in rows
        ]
        sys.stdout.write("\n".join([*lines, "", self._total(), ""]))
        sys.stdout.flush()

    def _total(self) -> str:
        counts = Counter(report.outcome for report in self._reports)
        parts = [f"{counts[outcome]} {outcome.value}" for outcome in RunOutcome if counts[outcome]]
        if self._expected > len(self._reports):
            parts.append(f"{self._expected - len(self._reports)} not started")
        cost_usd = sum(report.cost_usd for report in self._reports)
        return f"{self._expected} jobs: {', '.join(parts)}; {cost_usd:.6f} USD"


def _result_of(report: JobReport) -> str:
    names = ", ".join(file.name for file in report.files)
    kept = f"{printable(report.files[0].parent)}: {names}" if report.files else ""
    if report.reason is None:
        return kept
    why = printable(f"{report.layer}: {report.reason}" if report.layer else report.reason)
    return f"{why} (kept {kept})" if kept else why


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with one line, without the usage before it."""
        self.exit(_USAGE_ERROR, f"{self.prog}: {message}\n")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="pipeline", description="Job postings in, dossiers out.")
    parser.add_argument("--version", action="version", version=f"pipeline {version('pipeline-sidecar')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    run = commands.add_parser("run", help="run the postings in those files through the layers")
    run.add_argument("paths", metavar="PATH", type=Path, nargs="+", help="a posting, or a directory of them")
    run.add_argument(
        "--output", metavar="DIR", type=Path, default=Path("output"), help="where results go; default: output"
    )
    run.add_argument(
        "--concurrency",
        metavar="N",
        type=_concurrency,
        default=_DEFAULT_CONCURRENCY,
        help=f"jobs at a time; default: {_DEFAULT_CONCURRENCY}",
    )
    run.add_argument(
        "--every",
        metavar="SECONDS",
        type=_seconds,
        help="start over so long after the last job ended, until stopped",
    )
    return parser.parse_args(arguments)


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


def _refuse(*problems: str) -> int:
    sys.stderr.write("".join(f"pipeline run: {problem}\n" for problem in problems))
    return _USAGE_ERROR


def _configure_logging() -> None:
    """Events as lines on standard error; libraries speak from warnings on, with nobody's request in them."""
    import structlog

    before: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
    ]
    renderer = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"),
        pad_event_to=14,
        sort_keys=False,
        # Never the variant that prints local variables: prompts and keys are among them.
        exception_formatter=structlog.dev.plain_traceback,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("pipeline").setLevel(logging.INFO)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
