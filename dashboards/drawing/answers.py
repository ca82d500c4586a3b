"""What the panels of a dashboard ask, answered by a Prometheus."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientSession, ClientTimeout

from dashboards.panels import SHORTEST_BAR

Json = dict[str, Any]
Points = list[tuple[float, float]]

SCRAPE_SECONDS: Final = 5
"""As in prometheus.yml."""

_TIMEOUT: Final = ClientTimeout(total=30)
_STEPS: Final = 120
BAR_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Series:
    """One line: Unix times in seconds and values, at least one."""

    letter: str
    name: str
    labels: Mapping[str, str]
    points: Points


def step_of(panel: Json, range_seconds: int) -> int:
    """Seconds between the points of a line, or that a bar stands for."""
    shortest = BAR_SECONDS if panel.get("interval") == SHORTEST_BAR else 1
    return max(shortest, range_seconds // _STEPS)


def filled(
    expression: str, range_seconds: int, step_seconds: int, *, scrape_seconds: int = SCRAPE_SECONDS
) -> str:
    """With `All` chosen in every variable, which Grafana writes as its `allValue`."""
    values = {
        # As Grafana reckons it for a data source that is scraped so often.
        "__rate_interval": f"{max(step_seconds + scrape_seconds, 4 * scrape_seconds)}s",
        "__interval_ms": f"{1000 * step_seconds}",
        "__range": f"{range_seconds}s",
    }
    return re.sub(r"\$(\w+)", lambda match: values.get(match[1], ".*"), expression)


async def answers(prometheus_url: str, board: Json, range_seconds: int) -> dict[int, list[Series]]:
    """The series of each panel by its id, over the last `range_seconds`.

    Raises:
        aiohttp.ClientError: Prometheus does not answer, or refuses a query.
    """
    async with ClientSession(prometheus_url, timeout=_TIMEOUT, raise_for_status=True) as session:
        return {
            panel["id"]: [
                series
                for target in panel.get("targets", ())
                for series in await _ask(session, target, range_seconds, step_of(panel, range_seconds))
            ]
            for panel in board["panels"]
        }


async def _ask(session: ClientSession, target: Json, range_seconds: int, step: int) -> list[Series]:
    end = time.time()
    parameters = {"query": filled(target["expr"], range_seconds, step)}
    if not target["instant"]:
        parameters |= {
            "start": f"{end - range_seconds + (step if step >= BAR_SECONDS else 0):.3f}",
            "end": f"{end:.3f}",
            "step": str(step),
        }
    path = "/api/v1/query" if target["instant"] else "/api/v1/query_range"
    async with session.get(path, params=parameters) as answer:
        rows = (await answer.json())["data"]["result"]
    found = []
    for row in rows:
        values = [row["value"]] if target["instant"] else row["values"]
        points = [(float(at), float(value)) for at, value in values if value not in {"NaN", "+Inf", "-Inf"}]
        if points:
            name = _name(target["legendFormat"], row["metric"])
            found.append(Series(target["refId"], name, row["metric"], points))
    return sorted(found, key=lambda series: series.name)


def _name(legend: str, labels: Mapping[str, str]) -> str:
    if legend == "__auto":
        return ", ".join(labels.values())
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), legend)
