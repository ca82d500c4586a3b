"""Composition root: the only place that wires probes, scheduler, registry and routes together."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiohttp import web

from sidecar.config import Config, ConfigError
from sidecar.probes import PROBES, Probe, ProbeOptions, ProbeResult
from sidecar.registry import Registry
from sidecar.scheduler import Scheduler
from sidecar.web import Routes

log = structlog.get_logger()

_SHUTDOWN_SECONDS = 2.0


@asynccontextmanager
async def serving(config: Config) -> AsyncIterator[str]:
    """Probe and serve for as long as the context lasts; gives the URL that is listened on.

    Raises:
        ConfigError: the address can't be listened on.
    """
    registry = Registry(config.spool)
    probes = [_probe(name, options) for name, options in config.dependencies.items()]
    for probe in probes:
        registry.probes.declare(probe.dependency, probe.kind, probe.options)

    def on_result(probe: Probe[Any], result: ProbeResult) -> None:
        registry.probes.record(probe.dependency, probe.kind, result, time.time())
        if not result.success:
            log.warning(
                "probe.failed", dependency=probe.dependency, reason=result.reason, detail=result.detail
            )

    scheduler = Scheduler(probes, on_result)
    app = web.Application()
    app.add_routes(Routes(registry, scheduler).table())
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        url = await _listen(runner, config)
        async with _background(scheduler):
            yield url
    finally:
        await runner.cleanup()


def _probe(name: str, options: ProbeOptions) -> Probe[Any]:
    kinds = {probe.options_type: probe for probe in PROBES}
    return kinds[type(options)](name, options)


@asynccontextmanager
async def _background(scheduler: Scheduler) -> AsyncIterator[None]:
    task = asyncio.create_task(scheduler.run(), name="scheduler")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _listen(runner: web.AppRunner, config: Config) -> str:
    host, port = config.listen.host, config.listen.port
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        raise ConfigError((_listen_error(str(config.listen), error),)) from error
    bound_port = runner.addresses[0][1]
    return f"http://{f'[{host}]' if ':' in host else host}:{bound_port}"


def _listen_error(address: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"listen: {address} is in use; stop what uses it, or choose another with --listen"
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return f"listen: {address} can't be listened on ({reason}); choose an address of this machine"
