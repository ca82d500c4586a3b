from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientConnectionError

from pipeline.demo.faults import Fault, Faults, Mode, parse_fault
from pipeline.demo.stand_ins import NAMES, create_app
from tests.pipeline.demo.calling import CALLS

if TYPE_CHECKING:
    from tests.pipeline.demo.conftest import Client, Start

ALL = pytest.mark.parametrize("name", NAMES)


async def order(client: Client, **fault: Any) -> None:
    response = await client.put("/_fault", json=fault)
    assert response.status == 200, await response.text()


async def statuses(client: Client, name: str, count: int) -> list[int]:
    return [(await CALLS[name].probe(client)).status for _ in range(count)]


async def seen(client: Client) -> dict[str, dict[str, int]]:
    body = await (await client.get("/_calls")).json()
    requests: dict[str, dict[str, int]] = body["requests"]
    return requests


@ALL
async def test_fail_answers_calls_and_probes_with_the_status(start: Start, name: str) -> None:
    client = await start(name)
    await order(client, mode="fail", status=503)
    assert (await CALLS[name].paid(client)).status == 503
    assert (await CALLS[name].probe(client)).status == 503


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("openrouter", {"error": {"code": 429}}),
        ("openai", {"error": {"type": "requests", "code": "rate_limit_exceeded", "param": None}}),
        ("anthropic", {"type": "error", "error": {"type": "rate_limit_error"}}),
        ("firecrawl", {"success": False}),
    ],
)
async def test_rate_limit_is_a_429_in_the_providers_shape(
    start: Start, name: str, shape: dict[str, Any]
) -> None:
    client = await start(name)
    await order(client, mode="rate_limit", retry_after_seconds=11)
    response = await CALLS[name].paid(client)
    assert (response.status, response.headers["Retry-After"]) == (429, "11")
    body = await response.json()
    for key, value in shape.items():
        assert body[key] == ({**body[key], **value} if isinstance(value, dict) else value)


async def test_the_pdf_service_words_its_rate_limit_as_plain_text(start: Start) -> None:
    client = await start("pdf_service")
    await order(client, mode="rate_limit")
    response = await CALLS["pdf_service"].paid(client)
    assert (response.status, response.content_type) == (429, "text/plain")
    assert response.headers["Retry-After"] == "7"


async def test_slow_waits_and_then_answers_as_usual(start: Start) -> None:
    client = await start("openai")
    await order(client, mode="slow", delay_seconds=0.03)
    answer = asyncio.ensure_future(CALLS["openai"].paid(client))
    await asyncio.wait([answer], timeout=0.01)
    assert not answer.done()
    assert (await answer).status == 200


@ALL
async def test_hang_holds_the_request_until_the_client_leaves(start: Start, name: str) -> None:
    client = await start(name)
    await order(client, mode="hang")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.03):
            await CALLS[name].paid(client)
    endpoint = f"POST {CALLS[name].paid_path}"
    async with asyncio.timeout(1):
        while await seen(client) != {endpoint: {"unanswered": 1}}:
            await asyncio.sleep(0.005)


async def test_a_hung_request_does_not_hold_up_the_shutdown(start: Start) -> None:
    client = await start("openai")
    await order(client, mode="hang")
    hung = asyncio.create_task(CALLS["openai"].probe(client))
    await asyncio.sleep(0.02)
    async with asyncio.timeout(5):
        await client.server.close()
    with pytest.raises(ClientConnectionError):
        await hung


async def test_a_client_that_leaves_a_slow_answer_is_not_charged(start: Start) -> None:
    client = await start("openrouter")
    await order(client, mode="slow", delay_seconds=0.05)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await CALLS["openrouter"].paid(client)
    await asyncio.sleep(0.06)
    body = await (await client.get("/_calls")).json()
    assert body["requests"] == {"POST /api/v1/chat/completions": {"unanswered": 1}}
    assert body["cost_usd"] == 0


async def test_a_fault_ends_after_the_remaining_requests(start: Start) -> None:
    client = await start("openai")
    await order(client, mode="fail", remaining=2)
    assert await statuses(client, "openai", 4) == [500, 500, 200, 200]
    assert (await (await client.get("/_fault")).json())["remaining"] == 0


async def test_a_ratio_hits_the_same_requests_for_the_same_seed(start: Start) -> None:
    client = await start("openai")
    runs = []
    for seed in (1, 1, 2):
        await order(client, mode="fail", ratio=0.5, seed=seed)
        runs.append(await statuses(client, "openai", 20))
    assert runs[0] == runs[1] != runs[2]
    assert set(runs[0]) == {200, 500}


@pytest.mark.parametrize(("ratio", "expected"), [(0.0, 0), (0.25, 250), (1.0, 1000)])
def test_a_ratio_is_the_share_of_requests_it_hits(ratio: float, expected: int) -> None:
    faults = Faults()
    faults.set(Fault(mode=Mode.FAIL, ratio=ratio))
    hits = sum(faults.next().mode is Mode.FAIL for _ in range(1000))
    assert hits == pytest.approx(expected, abs=40)


async def test_delete_clears_the_fault(start: Start) -> None:
    client = await start("anthropic")
    await order(client, mode="fail")
    assert (await (await client.delete("/_fault")).json())["mode"] == "none"
    assert (await CALLS["anthropic"].probe(client)).status == 200


async def test_a_fault_is_shown_as_it_can_be_put_again(start: Start) -> None:
    client = await start("anthropic")
    await order(client, mode="slow", delay_seconds=1.5, remaining=3)
    shown = await (await client.get("/_fault")).json()
    assert shown == {
        "mode": "slow",
        "status": 500,
        "delay_seconds": 1.5,
        "retry_after_seconds": 7,
        "ratio": 1.0,
        "remaining": 3,
        "seed": 0,
    }
    await order(client, **shown)
    assert await (await client.get("/_fault")).json() == shown


async def test_a_fault_needs_no_credential_and_hits_no_control_path(aiohttp_client: Any) -> None:
    client = await aiohttp_client(create_app("firecrawl"))
    await order(client, mode="fail")
    assert (await client.get("/_fault")).status == 200
    assert (await client.get("/_calls")).status == 200


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "the body is not JSON"),
        ("[1]", "the body is not a JSON object"),
        ("[" * 100_000, "the body is not JSON"),
        ("{}", "mode: null is not one of none, fail, hang, slow, rate_limit"),
        ('{"mode": "explode"}', 'mode: "explode" is not one of none, fail'),
        ('{"mode": ["fail"]}', r'mode: \["fail"\] is not one of'),
        ('{"mode": "fail", "state": 1}', '"state": unknown key; known are mode, status'),
        ('{"mode": "fail", "status": 200}', "status: 200 is not a whole number from 400 to 599"),
        ('{"mode": "fail", "status": true}', "status: true is not a whole number"),
        ('{"mode": "fail", "status": null}', "status: null is not a whole number"),
        ('{"mode": "slow", "delay_seconds": -1}', "delay_seconds: -1 is not a number from 0 to 3600"),
        ('{"mode": "slow", "delay_seconds": NaN}', "delay_seconds: NaN is not a number"),
        ('{"mode": "slow", "ratio": 1.1}', "ratio: 1.1 is not a number from 0 to 1"),
        ('{"mode": "slow", "remaining": 1.5}', "remaining: 1.5 is not a whole number"),
        (
            '{"mode": "rate_limit", "retry_after_seconds": "7"}',
            'retry_after_seconds: "7" is not a whole number',
        ),
    ],
)
def test_a_bad_fault_is_refused_with_one_line(text: str, line: str) -> None:
    with pytest.raises(ValueError, match=line) as refused:
        parse_fault(text)
    assert "\n" not in str(refused.value)


async def test_a_bad_fault_is_a_400_and_changes_nothing(start: Start) -> None:
    client = await start("openai")
    await order(client, mode="fail")
    response = await client.put("/_fault", json={"mode": "explode"})
    assert (response.status, response.content_type) == (400, "text/plain")
    assert (await response.text()).count("\n") == 1
    assert (await (await client.get("/_fault")).json())["mode"] == "fail"
