"""Composition root: the only place that wires probes, scheduler, registry, reload and routes together."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import structlog
from aiohttp import web

from sidecar.config import Config, ConfigError
from sidecar.cors import allow_origins
from sidecar.discovery import DiscoveryRoutes
from sidecar.documents import Documents
from sidecar.events import Events
from sidecar.lag import watch_lag
from sidecar.linger import Linger
from sidecar.network import Reference
from sidecar.page.render import OWN_LINKS, Link
from sidecar.page.routes import PageRoutes
from sidecar.probes import PROBES, Probe, ProbeOptions
from sidecar.prometheus_history import recall_latencies
from sidecar.recent import Recent
from sidecar.redaction import Redactor
from sidecar.registry import Registry
from sidecar.reload import ConfigSource, Reloader
from sidecar.scheduler import Scheduler
from sidecar.spending import watch_spending
from sidecar.spool.keeping import keep_spool
from sidecar.watch import Watch
from sidecar.web import PATHS, Routes

log = structlog.get_logger()

_SHUTDOWN_SECONDS = 2.0


class Sidecar:
    """A configuration at work."""

    def __init__(self, config: Config, redactor: Redactor, linger: Linger | None = None) -> None:
        self.config = config
        self.linger = Linger() if linger is None else linger
        self.registry = Registry(config.spool)
        self.scheduler = Scheduler(self.registry.service)
        self.documents = Documents(self.registry)
        self.recent = Recent()
        self._redactor = redactor
        self._reference = Reference(())

    async def apply(self, config: Config) -> None:
        """Watch what this configuration says from now on.

        Dependencies that it leaves as they were keep state and schedule; those that it drops lose their
        series; those that it changes keep counters, streaks and history.
        """
        for key in ("listen", "spool", "spool_foreign_max_age_seconds"):
            if getattr(config, key) != getattr(self.config, key):
                log.warning("config.needs_restart", key=key)
        self._redactor.learn(config)
        probed = config.probed_dependencies
        # All are made before anything changes: one that can't be made leaves everything as it was.
        changed = {
            name: _probe(name, options)
            for name, options in probed.items()
            if name not in self.scheduler.watches or self.scheduler.watches[name].options != options
        }
        kept = {name: watch for name, watch in self.scheduler.watches.items() if name not in changed}
        new = {name: self._watch(probe) for name, probe in changed.items()}
        await self.scheduler.keep((kept | new)[name] for name in probed)
        self.registry.dependencies.forget_all_but(probed)
        self.recent.forget_all_but(probed)
        self._reference = Reference(config.reference_addresses)
        self.linger.seconds = config.linger_seconds
        self.config = config

    def application(self) -> web.Application:
        """Everything that is served."""
        app = web.Application()
        allow_origins(app, lambda: self.config.cors_origins)
        routes = Routes(self.registry, self.scheduler, self._redactor, self.documents, self.linger)
        app.add_routes(routes.table())
        events = Events(self.documents)
        page = PageRoutes(self.documents, self.recent, events, paths=PATHS, links=self._links)
        app.add_routes(page.table())
        app.add_routes(DiscoveryRoutes(lambda: self.config.discovery).table())

        async def end_streams(_app: web.Application) -> None:
            events.close()

        app.on_shutdown.append(end_streams)
        return app

    def _links(self) -> Sequence[Link]:
        named = (("Grafana", self.config.grafana_url), ("Runbooks", self.config.runbooks_url))
        return (*OWN_LINKS, *(Link(name, str(url)) for name, url in named if url is not None))

    def _watch(self, probe: Probe[Any]) -> Watch:
        series = self.registry.dependencies.series(probe.dependency, probe.kind, probe.options)
        watch = Watch(probe, series, own_network_is_up=self._own_network_is_up, on_run=self.recent.note_run)
        before = self.scheduler.watches.get(probe.dependency)
        if before is not None and before.probe.kind == probe.kind:
            watch.inherit(before)
        return watch

    async def _own_network_is_up(self) -> bool:
        return await self._reference.is_reachable()


def _probe(name: str, options: ProbeOptions) -> Probe[Any]:
    kinds = {probe.options_type: probe for probe in PROBES}
    return kinds[type(options)](name, options)


@asynccontextmanager
async def serving(
    config: Config, redactor: Redactor, *, source: ConfigSource | None = None, linger: Linger | None = None
) -> AsyncIterator[str]:
    """Probe and serve for as long as the context lasts; gives the URL that is listened on.

    `source` is read again on SIGHUP, and when one of its files changes. `linger` gets to
    know its seconds and the scrapes.

    Raises:
        ConfigError: the address can't be listened on.
    """
    sidecar = Sidecar(config, redactor, linger)
    async with AsyncExitStack() as stack:
        runner = web.AppRunner(
            sidecar.application(), access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        url = await _listen(runner, config)
        stack.push_async_callback(sidecar.scheduler.close)
        await sidecar.apply(config)
        sidecar.registry.service.config_loaded(time.time())
        await stack.enter_async_context(_task(watch_lag(sidecar.registry.service.event_loop_lagged)))
        if sidecar.registry.spool is not None and config.spool is not None:
            service = sidecar.registry.service
            kept = keep_spool(
                config.spool,
                sidecar.registry.spool,
                foreign_max_age_seconds=config.spool_foreign_max_age_seconds,
                on_run=service.spool_kept,
                on_failure=service.spool_not_kept,
            )
            await stack.enter_async_context(_task(kept))
        await stack.enter_async_context(_task(watch_spending(sidecar.documents, sidecar.recent.spending)))
        if config.prometheus_url is not None:
            recalled = recall_latencies(str(config.prometheus_url), sidecar.recent.latencies)
            await stack.enter_async_context(_task(recalled))
        if source is not None:
            reloader = Reloader(source, sidecar.apply, sidecar.registry.service)
            await stack.enter_async_context(_task(reloader.run()))
            stack.enter_context(_on_hangup(reloader.ask))
        yield url


@asynccontextmanager
async def _task(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work in the background for as long as the context lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextmanager
def _on_hangup(action: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, action)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


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
        choose = "choose another with --listen or SIDECAR_LISTEN"
        return f"listen: {address} is in use; stop what uses it, or {choose}"
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    return f"listen: {address} can't be listened on ({reason}); choose an address of this machine"
