"""What holds for every stand-in."""

from __future__ import annotations

import gzip
import json
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from pipeline.demo.stand_in import MAX_BODY_BYTES
from pipeline.demo.stand_ins import NAMES, create_app
from tests.pipeline.demo.calling import CALLS

if TYPE_CHECKING:
    from typing import Any

    from aiohttp import ClientResponse

    from tests.pipeline.demo.conftest import Start

ALL = pytest.mark.parametrize("name", NAMES)
JSON_ONLY = pytest.mark.parametrize("name", [name for name in NAMES if name != "pdf_service"])
MESSAGE = {
    "openrouter": lambda body: body["error"]["message"],
    "openai": lambda body: body["error"]["message"],
    "anthropic": lambda body: body["error"]["message"],
    "firecrawl": lambda body: body["error"],
}


async def message(name: str, response: ClientResponse) -> str:
    """The message of an error in the provider's own shape."""
    if name == "pdf_service":
        assert response.content_type == "text/plain"
        return await response.text()
    body: dict[str, Any] = await response.json()
    return str(MESSAGE[name](body))


def test_there_is_a_call_for_every_stand_in() -> None:
    assert tuple(CALLS) == NAMES


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="'gemini' is not a stand-in; there are openrouter, openai,"):
        create_app("gemini")


@ALL
async def test_a_call_and_a_probe_succeed(start: Start, name: str) -> None:
    client = await start(name)
    assert (await CALLS[name].paid(client)).status == 200
    assert (await CALLS[name].probe(client)).status == 200


@JSON_ONLY
async def test_without_a_credential_the_answer_is_401(aiohttp_client: Any, name: str) -> None:
    client = await aiohttp_client(create_app(name))
    for response in (await CALLS[name].paid(client), await CALLS[name].probe(client)):
        assert response.status == 401
        assert "no API key" in await message(name, response)


@JSON_ONLY
async def test_a_bad_body_is_400_in_the_providers_shape(start: Start, name: str) -> None:
    client = await start(name)
    for body in (b"", b"{", b"[]", b"null", b"{}", b"\xff", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"):
        response = await client.post(CALLS[name].paid_path, data=body)
        assert response.status == 400, body[:20]
        assert await message(name, response)


@ALL
async def test_a_body_that_is_not_encoded_as_it_says_is_400(
    start: Start, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Encoding": "gzip"}
    response = await (await start(name)).post(
        CALLS[name].paid_path, data=BytesIO(b"not gzip"), headers=headers, compress=False
    )
    assert response.status == 400
    assert "encoding" in await message(name, response)
    assert caplog.records == []


@ALL
async def test_a_path_that_is_not_there_is_404_in_the_providers_shape(start: Start, name: str) -> None:
    response = await (await start(name)).get("/nothing/here")
    assert response.status == 404
    assert "/nothing/here" in await message(name, response)


@ALL
async def test_a_wrong_method_is_405_and_names_the_right_one(start: Start, name: str) -> None:
    response = await (await start(name)).delete(CALLS[name].paid_path)
    assert response.status == 405
    assert response.headers["Allow"] == "POST"


@ALL
async def test_a_body_past_the_limit_is_413(start: Start, name: str) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = await (await start(name)).post(
        CALLS[name].paid_path, data=BytesIO(b" " * (MAX_BODY_BYTES + 1)), headers=headers
    )
    assert response.status == 413


async def test_the_limit_holds_for_what_a_body_unpacks_to(start: Start) -> None:
    name = "pdf_service"
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Encoding": "gzip"}
    response = await (await start(name)).post(
        CALLS[name].paid_path, data=gzip.compress(b" " * (MAX_BODY_BYTES + 1)), headers=headers
    )
    assert response.status == 413


@JSON_ONLY
async def test_a_lone_surrogate_is_answered_like_any_text(start: Start, name: str) -> None:
    body = json.dumps(CALLS[name].body).replace("Say", r"\ud800").replace("Nordlink", r"\ud800")
    response = await (await start(name)).post(CALLS[name].paid_path, data=body)
    assert response.status == 200
