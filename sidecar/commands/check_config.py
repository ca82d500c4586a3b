"""`sidecar check-config`: say what is wrong with the configuration, or what it watches."""

from __future__ import annotations

import argparse

from sidecar.commands.options import add_config_option, load_config
from sidecar.streams import print_result


def add_options(parser: argparse.ArgumentParser) -> None:
    add_config_option(parser)
    parser.set_defaults(command=run, listen=None)


def run(arguments: argparse.Namespace) -> int:
    config = load_config(arguments)
    names = ", ".join(config.dependencies) or "none"
    share = "" if config.sharding is None else f"; here: {', '.join(config.probed_dependencies) or 'none'}"
    print_result(f"the configuration is valid; dependencies: {names}{share}")
    return 0
