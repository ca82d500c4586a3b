"""The command `sidecar`. Every mistake of the user is one clear line and exit status 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sidecar import __version__
from sidecar.commands import COMMANDS
from sidecar.config import ConfigError
from sidecar.logs import LOG_FORMATS, LOG_LEVELS, set_up_logs
from sidecar.redaction import Redactor

EXIT_USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = _parser().parse_args(argv)
    arguments.redactor = Redactor()
    set_up_logs(arguments.log_level, arguments.log_format, arguments.redactor)
    try:
        status: int = arguments.command(arguments)
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return EXIT_USAGE
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sidecar", description="Watches what a pipeline depends on.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--log-level", choices=LOG_LEVELS, default="info")
    parser.add_argument("--log-format", choices=LOG_FORMATS, default="text")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands)
    return parser
