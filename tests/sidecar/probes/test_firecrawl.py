from __future__ import annotations

import pytest

from pipeline.demo.firecrawl import CREDITS, PLAN_CREDITS
from sidecar.probes import FirecrawlProbe, QuotaUnit, Reason
from tests.sidecar.probes.targets import stand_in
from tests.sidecar.probes.test_provider_apis import answering, origin_of, probe


async def test_the_credits_left_are_told() -> None:
    async with stand_in("firecrawl") as server:
        result = await probe(FirecrawlProbe, origin_of(server))
    assert result.quota_remaining == {QuotaUnit.CREDITS: PLAN_CREDITS}


@pytest.mark.parametrize(
    ("left", "min_credits", "reason"),
    [(1, 0, None), (0, 0, Reason.QUOTA), (500, 500, None), (499, 500, Reason.QUOTA)],
)
async def test_too_few_credits_are_quota(left: int, min_credits: float, reason: Reason | None) -> None:
    async with stand_in("firecrawl") as server:
        server.app[CREDITS].remaining = left
        result = await probe(FirecrawlProbe, origin_of(server), min_credits=min_credits)
    assert result.reason is reason
    assert result.quota_remaining == {QuotaUnit.CREDITS: left}


async def test_overdrawn_credits_are_quota() -> None:
    async with answering('{"data": {"remainingCredits": -3}}') as origin:
        result = await probe(FirecrawlProbe, origin)
    assert (result.reason, result.quota_remaining) == (Reason.QUOTA, {QuotaUnit.CREDITS: -3})


@pytest.mark.parametrize("left", ['"12"', "null", "true", "NaN", "Infinity", "1e999", "1" * 400, "[]"])
async def test_credits_that_are_no_number_are_unknown(left: str) -> None:
    async with answering(f'{{"data": {{"remainingCredits": {left}}}}}') as origin:
        result = await probe(FirecrawlProbe, origin)
        wanted = await probe(FirecrawlProbe, origin, min_credits=1)
    assert (result.reason, result.quota_remaining) == (None, {})
    assert wanted.reason is Reason.BODY
