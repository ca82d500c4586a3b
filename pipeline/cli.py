"""The command `pipeline`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_NOT_WRITTEN: Final = 1
_USAGE_ERROR: Final = 2
_KILLED_BY: Final = 128


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The command's exit status; 2 for what the user has to change, 130 when interrupted.
    """
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return _KILLED_BY + signal.SIGINT
    except BrokenPipeError:
        # Whoever read the output has gone; without this the interpreter would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return _NOT_WRITTEN


def _run(arguments: Sequence[str] | None) -> int:
    # Loaded here, where ctrl-C is heard: it takes a third of a second.
    from pipeline.progress.output import OutputError, end_standard_error, notify, open_closed_outputs

    open_closed_outputs()
    try:
        return _execute(_parse(arguments))
    except OutputError as error:
        notify(f"standard output cannot be written: {error}\n")
        return _NOT_WRITTEN
    finally:
        end_standard_error()


def _execute(options: argparse.Namespace) -> int:
    from pipeline.jobs import UsageError
    from pipeline.settings import SettingsError

    try:
        status: int = options.execute(options)
    except SettingsError as error:
        return _refuse(options.command, *error.problems)
    except UsageError as error:
        return _refuse(options.command, str(error))
    return status


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with one line, without the usage before it."""
        self.exit(_USAGE_ERROR, f"{self.prog}: {message}\n")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        from pipeline.progress.output import notify, print_result

        if file is sys.stdout:
            print_result(message)
        else:
            notify(message or "")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    from pipeline.commands import COMMANDS

    parser = _Parser(prog="pipeline", description="Job postings in, dossiers out.")
    parser.add_argument("--version", action="version", version=f"pipeline {version('pipeline-sidecar')}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for command in COMMANDS:
        subparser = commands.add_parser(command.name, help=command.help, description=command.help)
        command.add_arguments(subparser)
        subparser.set_defaults(execute=command.execute)
    return parser.parse_args(arguments)


def _refuse(command: str, *problems: str) -> int:
    from pipeline.progress.output import notify

    notify("".join(f"pipeline {command}: {problem}\n" for problem in problems))
    return _USAGE_ERROR
