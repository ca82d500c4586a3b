"""A probe at once, because somebody asks: bounded as blackbox_exporter bounds it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Final

from sidecar.dependency_series import DependencySeries
from sidecar.probes import ProbeResult, Reason
from sidecar.watch import Watch

SCRAPE_TIMEOUT_HEADER: Final = "X-Prometheus-Scrape-Timeout-Seconds"
_DEFAULT_SCRAPE_SECONDS: Final = 120.0
_SCRAPE_OFFSET_SECONDS: Final = 0.5


class ScrapeTimeoutError(ValueError):
    """The header does not hold a positive number."""


def scrape_limit_seconds(headers: Mapping[str, str], timeout_seconds: float) -> float:
    """How long a scrape may wait: half a second less than Prometheus does, or the probe's own timeout.

    Raises:
        ScrapeTimeoutError: the header's value is no positive number of seconds.
    """
    text = headers.get(SCRAPE_TIMEOUT_HEADER)
    try:
        scrape_seconds = _DEFAULT_SCRAPE_SECONDS if text is None else float(text)
    except ValueError:
        scrape_seconds = math.nan
    if not (scrape_seconds > 0 and math.isfinite(scrape_seconds)):
        raise ScrapeTimeoutError(f"{SCRAPE_TIMEOUT_HEADER} must be a positive number of seconds")
    # As short a scrape as the offset itself leaves the whole of it.
    limit = scrape_seconds - _SCRAPE_OFFSET_SECONDS
    return min(timeout_seconds, limit if limit > 0 else scrape_seconds)


class WatchEndedError(Exception):
    """The run that was waited for was ended by a reload."""


async def look_now(watch: Watch, limit_seconds: float) -> DependencySeries:
    """The series of one run, as if it had been the only one.

    A run that outlasts the limit reads as a timeout to who asked, and goes on: it is counted as what
    comes of it by its own deadline.

    Raises:
        WatchEndedError: a reload has put another probe in this one's place.
    """
    try:
        async with asyncio.timeout(limit_seconds):
            result = await watch.look()
    except TimeoutError:
        result = ProbeResult(limit_seconds, Reason.TIMEOUT)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise  # it is who asked that has gone
        raise WatchEndedError("the configuration has changed meanwhile; ask again") from None
    series = DependencySeries(watch.name, watch.probe.kind, watch.options)
    series.record(result, watch.state, watch.wall_clock())
    return series
