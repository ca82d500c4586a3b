"""The configuration again: on SIGHUP, and when one of its files has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

import structlog

from sidecar.config import Config, ConfigError, noting_files
from sidecar.service_metrics import ServiceMetrics

log = structlog.get_logger()

LOOK_EVERY_SECONDS: Final = 2.0

Signature = dict[Path, tuple[int, int, int] | None]


class ConfigSource:
    """Where the configuration comes from: it knows the files, secrets' included, and sees them change."""

    def __init__(self, load: Callable[[], Config]) -> None:
        self._load = load
        self._signature: Signature = {}

    def load(self) -> Config:
        """Read the configuration.

        Raises:
            ConfigError: it is not valid; the files are known all the same.
        """
        # Taken before: what changes while the files are read is a change to look at again.
        before = _signature_of(self._signature)
        with noting_files() as files:
            try:
                return self._load()
            finally:
                self._signature = _signature_of(files) | {
                    file: before[file] for file in files & before.keys()
                }

    def has_changed(self) -> bool:
        """Whether a file is not what it was when it was read last."""
        return _signature_of(self._signature) != self._signature


class Reloader:
    """Loads a configuration and applies it; an invalid one changes nothing."""

    def __init__(
        self, source: ConfigSource, apply: Callable[[Config], Awaitable[None]], metrics: ServiceMetrics
    ) -> None:
        self._source = source
        self._apply = apply
        self._metrics = metrics
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Reload now, whatever the files look like."""
        self._asked.set()

    async def run(self) -> None:
        """Reload when asked and when a file changes, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY_SECONDS):
                    await self._asked.wait()
            except TimeoutError:
                if not await asyncio.to_thread(self._source.has_changed):
                    continue
            self._asked.clear()
            await self._reload()

    async def _reload(self) -> None:
        try:
            config = await asyncio.to_thread(self._source.load)
            await self._apply(config)
        except ConfigError as error:
            self._metrics.config_refused()
            log.error("config.refused", errors=list(error.errors))  # noqa: TRY400  (its lines say it all)
        except Exception:
            # Whatever goes wrong with a new configuration, the old one goes on.
            self._metrics.config_refused()
            log.exception("config.reload_failed")
        else:
            self._metrics.config_loaded(time.time())
            log.info("config.reloaded", dependencies=len(config.dependencies))


def _signature_of(files: Iterable[Path]) -> Signature:
    """What changes when a file does, a mounted secret that is swapped by a link included."""
    signature: Signature = {}
    for file in files:
        try:
            status = file.stat()
            signature[file] = (status.st_mtime_ns, status.st_size, status.st_ino)
        except (OSError, ValueError):
            signature[file] = None
    return signature
