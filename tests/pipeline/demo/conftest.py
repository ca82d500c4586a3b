from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from pipeline.demo.stand_ins import create_app

Client = TestClient[web.Request, web.Application]
Start = Callable[[str], Awaitable[Client]]

CREDENTIALS = {
    "Authorization": "Bearer test-key",
    "x-api-key": "test-key",
    "anthropic-version": "2023-06-01",
}


@pytest.fixture
def start(aiohttp_client: Any) -> Start:
    """Serves a stand-in and hands out a client that has credentials for any of them."""

    async def start(name: str) -> Client:
        client: Client = await aiohttp_client(create_app(name), headers=CREDENTIALS)
        return client

    return start
