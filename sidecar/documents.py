"""The health document as it is now, computed once for all who ask at the same time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prometheus_client import Metric

from sidecar.health import HealthDocument, health_document
from sidecar.registry import Registry
from sidecar.shared import Shared


@dataclass(frozen=True, slots=True)
class Reading:
    """The document at the Unix time `at`, in seconds; `body` is its JSON, `tag` is equal when that is."""

    document: HealthDocument
    body: bytes
    tag: str
    at: float


class Documents:
    """Reads the registry for every view."""

    def __init__(self, registry: Registry, *, now: Callable[[], float] = time.time) -> None:
        self._registry = registry
        self._now = now
        self._shared = Shared(self._compute)

    async def read(self) -> Reading:
        """The document of a snapshot that is taken after this call."""
        return await self._shared.get()

    async def _compute(self) -> Reading:
        families = await self._registry.snapshot()
        return await asyncio.to_thread(_reading, families, self._now())


def _reading(families: Sequence[Metric], at: float) -> Reading:
    document = health_document(families, at)
    body = json.dumps(document, allow_nan=False).encode()
    return Reading(document, body, hashlib.sha256(body).hexdigest()[:32], at)
