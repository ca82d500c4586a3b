"""`sidecar check-config`: say what is wrong with the configuration, or what it watches."""

from __future__ import annotations

import argparse
from typing import Any

from sidecar.commands.options import add_config_option, load_config


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    parser = commands.add_parser("check-config", help="validate the configuration, and end")
    add_config_option(parser)
    parser.set_defaults(command=run, listen=None)


def run(arguments: argparse.Namespace) -> int:
    config = load_config(arguments)
    names = ", ".join(config.dependencies) or "none"
    share = "" if config.sharding is None else f"; here: {', '.join(config.probed_dependencies) or 'none'}"
    print(f"the configuration is valid; dependencies: {names}{share}")  # noqa: T201
    return 0
