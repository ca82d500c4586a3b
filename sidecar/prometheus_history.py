"""The hour before this process began, from a Prometheus that scraped the one before it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout

from sidecar import metrics
from sidecar.latency import MINUTES, Latencies

log = structlog.get_logger()

_TIMEOUT_SECONDS: Final = 10.0
_STEP_SECONDS: Final = 60
_SLOWEST: Final = f"max by (dependency) (max_over_time({metrics.PROBE_DURATION.name}[1m]))"
_ALL_WELL: Final = f"min by (dependency) (min_over_time({metrics.PROBE_SUCCESS.name}[1m]))"


async def recall_latencies(url: str, latencies: Latencies, *, now: Callable[[], float] = time.time) -> None:
    """Fill in what Prometheus knows of the last hour; from then on the sidecar goes on by itself.

    A Prometheus that does not answer, or not as it should, is told of in the log and changes nothing.
    """
    try:
        async with ClientSession(timeout=ClientTimeout(total=_TIMEOUT_SECONDS)) as session:
            slowest = await _query_hour(session, url, _SLOWEST, now())
            all_well = await _query_hour(session, url, _ALL_WELL, now())
    except (ClientError, TimeoutError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("prometheus.no_history", error=type(error).__name__)
        return
    for (dependency, at), seconds in slowest.items():
        latencies.note(dependency, at, seconds, success=all_well.get((dependency, at), 1.0) >= 1)
    log.info("prometheus.history_recalled", points=len(slowest))


async def _query_hour(
    session: ClientSession, url: str, expression: str, now: float
) -> dict[tuple[str, float], float]:
    """Values by dependency and Unix time."""
    parameters = {
        "query": expression,
        "start": f"{now - (MINUTES - 1) * _STEP_SECONDS:.3f}",
        "end": f"{now:.3f}",
        "step": str(_STEP_SECONDS),
    }
    async with session.get(f"{url.rstrip('/')}/api/v1/query_range", params=parameters) as answer:
        answer.raise_for_status()
        document = await answer.json()
    return dict(_points(document))


def _points(document: dict[str, Any]) -> Iterator[tuple[tuple[str, float], float]]:
    for series in document["data"]["result"]:
        dependency = series["metric"].get("dependency", "")
        for at, text in series["values"]:
            value = float(text)
            if math.isfinite(value):
                yield (dependency, float(at)), value
