"""The bodies of `/metrics`: collected and written off the event loop, once for all who scrape together."""

from __future__ import annotations

import asyncio
import zlib
from functools import partial
from typing import Final

from sidecar.exposition import OPENMETRICS, TEXT, Format, Renderer
from sidecar.registry import Registry
from sidecar.shared import Shared

_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_LEVEL: Final = 1
"""Half of the bytes of the best one more, for a fifth of its time; a scrape is read once."""


class Scrapes:
    """One registry in every format."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._plain = {form: Shared(partial(self._compute, form, Renderer())) for form in (TEXT, OPENMETRICS)}
        self._compressed = {form: Shared(partial(self._compress, form)) for form in self._plain}

    async def body(self, form: Format, *, compressed: bool) -> bytes:
        """A snapshot that is taken after this call, by gzip if `compressed`."""
        return await (self._compressed if compressed else self._plain)[form].get()

    async def _compute(self, form: Format, renderer: Renderer) -> bytes:
        families = await self._registry.snapshot()
        return await asyncio.to_thread(renderer.render, families, form)

    async def _compress(self, form: Format) -> bytes:
        return await asyncio.to_thread(zlib.compress, await self._plain[form].get(), _GZIP_LEVEL, wbits=_GZIP)
