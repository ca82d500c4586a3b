"""The command `sidecar`. Every mistake of the user is one clear line and exit status 2."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn

from sidecar.streams import OutputError, end_streams, open_closed_streams, print_notice, print_result

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

EXIT_USAGE: Final = 2
_NOT_WRITTEN: Final = 1
_KILLED_BY: Final = 128
_MULTIPROCESS: Final = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")
_LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_LOG_FORMATS: Final = ("text", "json")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; 130 when interrupted."""
    for name in _MULTIPROCESS:
        # It is the workers'. prometheus_client looks at it when it is imported, and would take us for one.
        os.environ.pop(name, None)
    try:
        open_closed_streams()
        return _run(argv)
    except KeyboardInterrupt:
        return _KILLED_BY + signal.SIGINT
    except OutputError as error:
        if str(error):
            print_notice(f"standard output cannot be written: {error}")
        return _NOT_WRITTEN
    finally:
        end_streams()


def _run(argv: Sequence[str] | None) -> int:
    arguments = _parser().parse_args(argv)
    if arguments.logs:
        from sidecar.logs import set_up_logs
        from sidecar.redaction import Redactor

        arguments.redactor = Redactor()
        set_up_logs(arguments.log_level, arguments.log_format, arguments.redactor)
    try:
        status: int = arguments.command(arguments)
    except Exception as error:
        from sidecar.config import ConfigError

        if not isinstance(error, ConfigError):
            raise
        print_notice(str(error))
        return EXIT_USAGE
    return status


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with one line, without the usage before it."""
        self.exit(EXIT_USAGE, f"{self.prog}: {message}\n")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if file is sys.stdout:
            print_result(message, end="")
        else:
            print_notice(message or "", end="")


class _CommandParser(_Parser):
    """The options of one command. What the others need is not loaded: that takes half a second."""

    def __init__(self, *, prog: str, module: str) -> None:
        super().__init__(prog=prog)
        self._module = module

    def parse_known_args(  # type: ignore[override]  # one of its overloads is what argparse calls
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        import_module(self._module).add_options(self)
        return super().parse_known_args(args, namespace)


def _parser() -> argparse.ArgumentParser:
    from sidecar import __version__
    from sidecar.commands import COMMANDS

    parser = _Parser(prog="sidecar", description="Watches what a pipeline depends on.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--log-level", choices=_LOG_LEVELS, default="info")
    parser.add_argument("--log-format", choices=_LOG_FORMATS, default="text")
    parser.set_defaults(logs=True)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_CommandParser)
    for name, help_line in COMMANDS.items():
        module = f"sidecar.commands.{name.replace('-', '_')}"
        commands.add_parser(name, help=help_line, module=module)
    return parser
