"""`sidecar run`: probe and serve until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import os

import structlog

from sidecar.app import serving
from sidecar.commands.options import add_config_option, add_listen_option, load_config
from sidecar.commands.stopping import run_until_stopped
from sidecar.config import Config
from sidecar.linger import Linger
from sidecar.redaction import Redactor
from sidecar.reload import ConfigSource
from sidecar.whereabouts import telling

log = structlog.get_logger()


def add_options(parser: argparse.ArgumentParser) -> None:
    add_config_option(parser)
    add_listen_option(parser)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    source = ConfigSource(lambda: load_config(arguments))
    linger = Linger()
    served = _serve(source.load(), arguments.redactor, source, linger)
    return run_until_stopped(served, before_end=linger.until_scraped)


async def _serve(config: Config, redactor: Redactor, source: ConfigSource, linger: Linger) -> int:
    async with serving(config, redactor, source=source, linger=linger) as url:
        with telling(url, config.spool, os.environ):
            log.info(
                "sidecar.started",
                url=url,
                dependencies=sorted(config.probed_dependencies),
                spool=None if config.spool is None else str(config.spool),
            )
            if not config.dependencies:
                log.warning(
                    "sidecar.nothing_to_watch", remedy="set MONGODB_URI, PDF_SERVICE_URL, … or --config"
                )
            await asyncio.Event().wait()
    return 0
