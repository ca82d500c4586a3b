"""What a dashboard asks Prometheus, asked as Grafana asks it: variables filled in, over the range shown."""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboards.drawing.answers import filled, step_of
from dashboards.generate import GENERATED
from tests.e2e.servers import Prometheus


@dataclass(frozen=True)
class Asked:
    board: str
    panel: str
    letter: str
    expression: str
    now: bool
    step_seconds: int

    def __str__(self) -> str:
        return f"{self.board} / {self.panel} / {self.letter}"


@dataclass(frozen=True)
class Values:
    """A variable's query: the values of `label` among the series of `selector`."""

    board: str
    name: str
    selector: str
    label: str


def boards() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in Path(GENERATED).glob("*.json")}


def queries() -> list[Asked]:
    return [
        Asked(name, panel["title"], target["refId"], target["expr"], target["instant"], step_of(panel, 120))
        for name, board in boards().items()
        for panel in board["panels"]
        for target in panel.get("targets", ())
    ]


def variables() -> list[Values]:
    found = []
    for name, board in boards().items():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                query = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
                assert query is not None, variable
                found.append(Values(name, variable["name"], *query.groups()))
    return found


async def has_data(prometheus: Prometheus, asked: Asked, range_seconds: int) -> bool:
    """Whether any value is a number; NaN alone draws nothing."""
    expression = filled(asked.expression, range_seconds, asked.step_seconds)
    if asked.now:
        return any(not math.isnan(sample.value) for sample in await prometheus.query(expression))
    end = time.time()
    data = await prometheus.api(
        "query_range",
        query=expression,
        start=str(end - range_seconds),
        end=str(end),
        step=str(asked.step_seconds),
    )
    return any(not math.isnan(float(value)) for row in data["result"] for _, value in row["values"])


async def has_values(prometheus: Prometheus, variable: Values) -> bool:
    selector = filled(variable.selector, 60, 1)
    return bool(await prometheus.api(f"label/{variable.label}/values", **{"match[]": selector}))
