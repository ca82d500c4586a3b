"""The one registry: what the probes found, how the sidecar is, what the workers wrote; one snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric

from sidecar import metrics
from sidecar.dependency_series import DependencyCollector
from sidecar.exposition.lines import escape_name
from sidecar.service_metrics import ServiceMetrics
from sidecar.spool.reader import SpoolReader, SpoolReading


class Registry:
    """The sidecar's one CollectorRegistry, and the spool beside it."""

    def __init__(self, spool: Path | None) -> None:
        self._registry = CollectorRegistry()
        self.dependencies = DependencyCollector()
        self._registry.register(self.dependencies)
        self.service = ServiceMetrics(self._registry)
        self.spool = None if spool is None else SpoolReader(spool)

    async def snapshot(self) -> list[Metric]:
        """Every family as it is now, without `_created` series; collected off the event loop.

        A probe's run is in it entirely or not at all.
        """
        return await asyncio.to_thread(self._collect)

    def _collect(self) -> list[Metric]:
        families = list(self._registry.collect())
        for family in families:
            created = f"{family.name}_created"
            family.samples = [sample for sample in family.samples if sample.name != created]
        if self.spool is not None:
            families += _spool_families(self.spool.read())
        return families


_OWN_NAMES = frozenset(
    name
    for definition in metrics.METRICS
    for family in (definition.name, definition.family)
    for name in (family, *(f"{family}_{part}" for part in ("bucket", "count", "sum")))
)


def _spool_families(reading: SpoolReading) -> Iterator[Metric]:
    # A file may hold any name, but the sidecar's own are not for workers to write.
    yield from (family for family in reading.families if escape_name(family.name) not in _OWN_NAMES)
    for definition, value in (
        (metrics.SIDECAR_SPOOL_WORKERS, reading.workers),
        (metrics.SIDECAR_SPOOL_FILES, reading.files),
        (metrics.SIDECAR_SPOOL_UNREADABLE_FILES, reading.unreadable_files),
    ):
        family = Metric(definition.name, definition.help, definition.type)
        family.add_sample(definition.name, {}, value)
        yield family
