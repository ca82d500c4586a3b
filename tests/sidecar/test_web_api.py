"""The routes beside /metrics: on demand, debugging, heartbeats, descriptions, caching, CORS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from aiohttp import web
from openapi_spec_validator import validate
from pydantic import SecretStr

from sidecar.app import Sidecar
from sidecar.config import Config
from sidecar.openapi import openapi_document
from sidecar.probes import HttpOptions
from sidecar.probes.heartbeat import HeartbeatOptions
from sidecar.redaction import Redactor

SECRET = "s3cr3t-t0ken"


@pytest.fixture
async def target(aiohttp_server: Any) -> str:
    app = web.Application()
    app.router.add_get("/", _answer)
    return str((await aiohttp_server(app)).make_url("/"))


async def _answer(request: web.Request) -> web.Response:
    return web.Response(status=200 if request.headers.get("X-Key") == SECRET else 401)


@pytest.fixture
async def client(target: str, tmp_path: Path, aiohttp_client: Any) -> Any:
    config = Config(
        spool=tmp_path,
        cors_origins=("https://app.example",),
        dependencies={
            "api": HttpOptions(url=target, headers={"X-Key": SecretStr(SECRET)}),
            "refused": HttpOptions(url=target, headers={"X-Key": SecretStr("an0ther-t0ken")}),
            "worker": HeartbeatOptions(token=SecretStr(SECRET)),
        },
    )
    sidecar = Sidecar(config, Redactor())
    await sidecar.apply(config)
    yield await aiohttp_client(sidecar.application())
    await sidecar.scheduler.close()


async def test_a_configured_probe_runs_on_demand(client: Any) -> None:
    text = await (await client.get("/probe", params={"dependency": "api"})).text()
    assert 'probe_success{dependency="api",kind="http"} 1.0' in text
    assert "refused" not in text


@pytest.mark.parametrize("query", [{}, {"dependency": "none"}, {"target": "http://127.0.0.1/"}])
async def test_nothing_else_can_be_probed(client: Any, query: dict[str, str]) -> None:
    assert (await client.get("/probe", params=query)).status == 404


async def test_a_scrape_timeout_that_is_no_number_is_refused(client: Any) -> None:
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": "soon"}
    assert (await client.get("/probe", params={"dependency": "api"}, headers=headers)).status == 400


async def test_debugging_shows_steps_and_no_secret(client: Any) -> None:
    await client.get("/probe", params={"dependency": "refused"})
    answer = await client.get("/debug/probes/refused")
    document = await answer.json()
    assert document["failures"][0]["reason"] == "auth"
    assert document["failures"][0]["trace"]
    assert "t0ken" not in await answer.text()
    assert (await client.get("/debug/probes/none")).status == 404


async def test_a_heartbeat_needs_its_token(client: Any) -> None:
    assert (await client.post("/heartbeat/worker")).status == 401
    wrong = {"Authorization": "Bearer wrong"}
    assert (await client.post("/heartbeat/worker", headers=wrong)).status == 401
    right = {"Authorization": f"Bearer {SECRET}"}
    assert (await client.post("/heartbeat/worker", headers=right)).status == 204
    assert (await client.post("/heartbeat/api", headers=right)).status == 404
    assert (await client.post("/heartbeat/none", headers=right)).status == 404


async def test_the_document_obeys_its_schema(client: Any) -> None:
    for dependency in ("api", "refused"):
        await client.get("/probe", params={"dependency": dependency})
    schema = await (await client.get("/api/health/schema.json")).json()
    document = await (await client.get("/api/health/status")).json()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "status": 1}, schema)


async def test_every_route_is_described(client: Any) -> None:
    document = await (await client.get("/openapi.json")).json()
    validate(document)
    served = {
        (route.resource.canonical, route.method.lower())
        for route in client.app.router.routes()
        if route.method != "HEAD"
    }
    described = {
        (path, method) for path, methods in openapi_document()["paths"].items() for method in methods
    }
    assert served == described


async def test_an_unchanged_document_is_not_sent_again(tmp_path: Path, aiohttp_client: Any) -> None:
    still = await aiohttp_client(Sidecar(Config(spool=tmp_path), Redactor()).application())
    etag = (await still.get("/api/health/status")).headers["ETag"]
    again = await still.get("/api/health/status", headers={"If-None-Match": etag})
    assert (again.status, again.headers["ETag"], await again.read()) == (304, etag, b"")
    other = await still.get("/api/health/status", headers={"If-None-Match": '"other"'})
    assert other.status == 200


async def test_only_configured_origins_may_read(client: Any) -> None:
    allowed = await client.get("/api/health/status", headers={"Origin": "https://app.example"})
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Access-Control-Allow-Credentials" not in allowed.headers
    assert "Origin" in allowed.headers.getall("Vary")
    other = await client.get("/api/health/status", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


async def test_a_preflight_is_answered(client: Any) -> None:
    asking = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    answer = await client.options("/api/health/status", headers=asking)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    refused = await client.options("/api/health/status", headers={**asking, "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in refused.headers
