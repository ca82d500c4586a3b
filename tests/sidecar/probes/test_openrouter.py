from __future__ import annotations

import pytest

from pipeline.demo.openrouter import KEY_LIMIT_USD
from sidecar.probes import OpenrouterProbe, QuotaUnit, Reason
from tests.sidecar.probes.targets import stand_in
from tests.sidecar.probes.test_provider_apis import answering, origin_of, probe


async def test_what_is_left_of_the_limit_is_told() -> None:
    async with stand_in("openrouter") as server:
        result = await probe(OpenrouterProbe, origin_of(server))
    assert result.quota_remaining == {QuotaUnit.USD: KEY_LIMIT_USD}


@pytest.mark.parametrize(
    ("left", "min_usd", "reason"),
    [(0.01, 0, None), (0, 0, Reason.QUOTA), (-0.5, 0, Reason.QUOTA), (2, 2, None), (1.99, 2, Reason.QUOTA)],
)
async def test_too_little_left_is_quota(left: float, min_usd: float, reason: Reason | None) -> None:
    async with answering(f'{{"data": {{"limit_remaining": {left}}}}}') as origin:
        result = await probe(OpenrouterProbe, origin, min_usd=min_usd)
    assert result.reason is reason
    assert result.quota_remaining == {QuotaUnit.USD: left}


async def test_a_key_without_a_limit_has_no_quota_to_fall_below() -> None:
    async with answering('{"data": {"limit_remaining": null, "is_free_tier": true}}') as origin:
        result = await probe(OpenrouterProbe, origin, min_usd=5)
    assert result.success
    assert result.quota_remaining == {}
    assert [event.text for event in result.trace][-2:] == [
        "the key is of the free tier",
        "the key has no limit",
    ]


@pytest.mark.parametrize("key", ["{}", '{"limit_remaining": "12.5"}', '{"limit_remaining": NaN}'])
async def test_what_is_no_number_is_unknown(key: str) -> None:
    async with answering(f'{{"data": {key}}}') as origin:
        result = await probe(OpenrouterProbe, origin)
        wanted = await probe(OpenrouterProbe, origin, min_usd=1)
    assert (result.reason, result.quota_remaining) == (None, {})
    assert wanted.reason is Reason.BODY
