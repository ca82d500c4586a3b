"""A runner with all that it needs, opened from the settings and closed in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pipeline.jobs import Journals, UsageError
from pipeline.layers import LAYERS, Workplace
from pipeline.layers.record import delivering
from pipeline.ledger.protocol import LedgerError
from pipeline.limits import Limits
from pipeline.meter import Meter
from pipeline.providers import Guards, Providers
from pipeline.retries import log_retries_as_ours
from pipeline.runner import Runner
from pipeline.settings import Settings


@asynccontextmanager
async def open_runner(
    settings: Settings, meter: Meter, output: Path, *, concurrency: int, again: bool = False
) -> AsyncIterator[Runner]:
    """For the running loop, once in a process.

    Args:
        settings: Which providers there are, and what they may cost.
        meter: Where all is counted.
        output: Where results and journals go to.
        concurrency: Jobs at a time.
        again: Run jobs anew that are done.

    Raises:
        UsageError: a ledger cannot be opened.
    """
    log_retries_as_ours()
    try:
        limits = Limits.from_settings(settings.ledger, meter)
    except LedgerError as error:
        raise UsageError(str(error.strerror)) from None
    async with limits:
        providers = Providers.open(settings, Guards(meter=meter, limits=limits, jobs_at_once=concurrency))
        try:
            async with delivering(providers.mongodb, output):
                yield Runner(
                    LAYERS,
                    Workplace.of(settings, providers, output),
                    meter,
                    concurrency=concurrency,
                    journals=Journals(output, again=again),
                    reserve=limits.job,
                )
        finally:
            await providers.close()
