"""How fast money was spent over the last hour, for a projection; bounded."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sidecar.documents import Documents

LOOK_EVERY_SECONDS: Final = 30.0
_KEPT_SAMPLES: Final = 121
_LEAST_SECONDS: Final = 60.0
"""From less than this nothing is projected."""


class Spending:
    """Samples of what the budget has spent, in USD."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=_KEPT_SAMPLES)

    def note(self, at: float, spent_usd: float) -> None:
        """Take in what was spent by the Unix time `at`; less than before means that the budget began anew."""
        if self._samples and spent_usd < self._samples[-1][1]:
            self._samples.clear()
        self._samples.append((at, spent_usd))

    def usd_per_hour(self) -> float | None:
        """The pace of the last hour, None while too little of it is known."""
        if not self._samples:
            return None
        (began_at, began_with), (ended_at, ended_with) = self._samples[0], self._samples[-1]
        if ended_at - began_at < _LEAST_SECONDS:
            return None
        return (ended_with - began_with) / (ended_at - began_at) * 3600


async def watch_spending(documents: Documents, spending: Spending) -> None:
    """Take a sample now and then, until cancelled."""
    while True:
        reading = await documents.read()
        budget = reading.document["budget"]
        if budget is not None:
            spending.note(reading.at, budget["spent_usd"])
        await asyncio.sleep(LOOK_EVERY_SECONDS)
