from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from sidecar.latency import Latencies, Minute
from sidecar.prometheus_history import recall_latencies

NOW = 1_800_000_000.0


def matrix(**series: list[tuple[float, str]]) -> dict[str, Any]:
    rows = [{"metric": {"dependency": name}, "values": values} for name, values in series.items()]
    return {"status": "success", "data": {"resultType": "matrix", "result": rows}}


async def recalled(aiohttp_server: Any, slowest: Any, all_well: Any) -> Latencies:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(slowest if "max_over_time" in request.query["query"] else all_well)

    app = web.Application()
    app.router.add_get("/api/v1/query_range", answer)
    latencies = Latencies()
    server = await aiohttp_server(app)
    await recall_latencies(str(server.make_url("/")), latencies, now=lambda: NOW)
    return latencies


async def test_the_hour_before_a_restart_is_recalled(aiohttp_server: Any) -> None:
    values = [(NOW - 120, "0.25"), (NOW - 60, "5"), (NOW, "NaN")]
    well = [(NOW - 120, "1"), (NOW - 60, "0")]
    latencies = await recalled(aiohttp_server, matrix(mongodb=values), matrix(mongodb=well))
    assert latencies.minutes("mongodb", NOW)[-3:] == [Minute(0.25, 0), Minute(None, 1), Minute(None, 0)]


@pytest.mark.parametrize(
    "answer",
    [None, [], {"data": 1}, {"data": {"result": [{"metric": 1, "values": []}]}}, {"status": "error"}],
)
async def test_an_answer_that_is_none_changes_nothing(aiohttp_server: Any, answer: Any) -> None:
    latencies = await recalled(aiohttp_server, answer, answer)
    assert latencies.minutes("mongodb", NOW) == []


async def test_a_prometheus_that_is_not_there_changes_nothing() -> None:
    latencies = Latencies()
    await recall_latencies("http://127.0.0.1:9", latencies, now=lambda: NOW)
    assert latencies.minutes("mongodb", NOW) == []
