"""Event-loop lag: tells "the sidecar is slow" from "the target is slow"."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

LOOK_EVERY_SECONDS: Final = 0.25


async def watch_lag(on_lag: Callable[[float], None]) -> None:
    """Tell, again and again until cancelled, how many seconds late the event loop woke up."""
    while True:
        asked = time.monotonic()
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        on_lag(max(0.0, time.monotonic() - asked - LOOK_EVERY_SECONDS))
