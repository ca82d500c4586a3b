"""One computation for all who ask at the same time, and never an answer older than the question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Computes again and again, one at a time.

    Who asks while a computation runs gets the next one, together with all others who ask meanwhile: the
    load does not grow with the number of those who ask, and nobody is shown what was true before.
    """

    def __init__(self, compute: Callable[[], Awaitable[T]]) -> None:
        self._compute = compute
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The result of a computation that begins after this call."""
        if self._next is None:
            self._next = asyncio.create_task(self._compute_after(self._running))
        # Shielded: who stops waiting stops nobody else.
        return await asyncio.shield(self._next)

    async def _compute_after(self, before: asyncio.Task[T] | None) -> T:
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        return await self._compute()
