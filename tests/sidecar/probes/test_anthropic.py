from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sidecar.probes import AnthropicProbe, Reason
from tests.sidecar.probes.test_provider_apis import KEY, answering, origin_of, probe

MODEL = {"type": "model", "id": "claude-haiku-4-5-20251001", "display_name": "Claude Haiku 4.5"}
NOT_FOUND = {"type": "error", "error": {"type": "not_found_error", "message": "model: gone"}}


@asynccontextmanager
async def models() -> AsyncIterator[str]:
    """The API's single model, which an alias finds, too."""

    async def model(request: web.Request) -> web.Response:
        assert (request.headers["x-api-key"], request.headers["anthropic-version"]) == (KEY, "2023-06-01")
        assert "Authorization" not in request.headers
        known = request.match_info["model"] in {"claude-haiku-4-5", MODEL["id"]}
        return web.json_response(MODEL if known else NOT_FOUND, status=200 if known else 404)

    app = web.Application()
    app.router.add_get("/v1/models/{model}", model)
    async with TestServer(app) as server:
        yield origin_of(server)


@pytest.mark.parametrize(
    ("model", "reason"),
    [("claude-haiku-4-5", None), (MODEL["id"], None), ("claude-0", Reason.BODY), ("../models", Reason.BODY)],
)
async def test_a_model_or_its_alias_has_to_be_there(model: str, reason: Reason | None) -> None:
    async with models() as origin:
        assert (await probe(AnthropicProbe, origin, model=model)).reason is reason


@pytest.mark.parametrize("body", ["{}", '{"id": 1}', "[]", "not JSON"])
async def test_what_is_no_model_is_body(body: str) -> None:
    async with answering(body) as origin:
        assert (await probe(AnthropicProbe, origin, model="claude-haiku-4-5")).reason is Reason.BODY
