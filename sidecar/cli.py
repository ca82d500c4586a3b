"""The command `sidecar`. Every mistake of the user is one clear line and exit status 2."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

EXIT_USAGE: Final = 2
_NOT_WRITTEN: Final = 1
_KILLED_BY: Final = 128
_MULTIPROCESS: Final = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; 130 when interrupted."""
    for name in _MULTIPROCESS:
        # It is the workers'. prometheus_client looks at it when it is imported, and would take us for one.
        os.environ.pop(name, None)
    try:
        return _run(argv)
    except KeyboardInterrupt:
        return _KILLED_BY + signal.SIGINT
    except BrokenPipeError:
        _write_nowhere()  # whoever read the output has gone
        return _NOT_WRITTEN


def _run(argv: Sequence[str] | None) -> int:
    # Loaded here, where ctrl-C is heard: it takes half a second.
    from sidecar.config import ConfigError
    from sidecar.logs import set_up_logs
    from sidecar.redaction import Redactor

    arguments = _parser().parse_args(argv)
    arguments.redactor = Redactor()
    set_up_logs(arguments.log_level, arguments.log_format, arguments.redactor)
    try:
        status: int = arguments.command(arguments)
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return EXIT_USAGE
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"standard output cannot be written: {error.strerror}", file=sys.stderr)  # noqa: T201
        _write_nowhere()
        return _NOT_WRITTEN
    return status


def _write_nowhere() -> None:
    """Or the interpreter would complain when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with one line, without the usage before it."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    from sidecar import __version__
    from sidecar.commands import COMMANDS
    from sidecar.logs import LOG_FORMATS, LOG_LEVELS

    parser = _Parser(prog="sidecar", description="Watches what a pipeline depends on.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="info")
    parser.add_argument("--log-format", choices=LOG_FORMATS, default="text")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands)
    return parser
