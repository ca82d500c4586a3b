"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from sidecar.config import Config, ConfigError, ListenAddress, load


def add_config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML file; the environment variable is SIDECAR_CONFIG"
    )


def add_listen_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help="where to serve; the environment variable is SIDECAR_LISTEN"
    )


def load_config(arguments: argparse.Namespace) -> Config:
    """The configuration of the environment and the file, under what the command line says.

    Raises:
        ConfigError: with every mistake at once.
    """
    listen = listen_address(arguments)
    config = load(os.environ, arguments.config)
    return config if listen is None else config.model_copy(update={"listen": listen})


def listen_address(arguments: argparse.Namespace) -> ListenAddress | None:
    """What `--listen` says, if anything.

    Raises:
        ConfigError: it is no address.
    """
    if arguments.listen is None:
        return None
    try:
        return ListenAddress.parse(arguments.listen)
    except ValueError as error:
        raise ConfigError((f"--listen: {error}",)) from error
