from __future__ import annotations

import pytest

from sidecar.probes import OpenaiProbe, Reason
from tests.sidecar.probes.targets import stand_in
from tests.sidecar.probes.test_provider_apis import answering, origin_of, probe


@pytest.mark.parametrize(("model", "reason"), [("gpt-4o-mini", None), ("gpt-4o-maxi", Reason.BODY)])
async def test_a_model_has_to_be_listed(model: str, reason: Reason | None) -> None:
    async with stand_in("openai") as server:
        assert (await probe(OpenaiProbe, origin_of(server), model=model)).reason is reason


async def test_a_list_of_anything_else_has_no_model() -> None:
    async with answering('{"data": [null, 1, "gpt-4o", {"id": ["gpt-4o"]}, {}]}') as origin:
        assert (await probe(OpenaiProbe, origin, model="gpt-4o")).reason is Reason.BODY


async def test_a_spent_account_is_quota() -> None:
    body = '{"error": {"message": "…", "type": "insufficient_quota", "code": "insufficient_quota"}}'
    async with answering(body, status=429) as origin:
        assert (await probe(OpenaiProbe, origin)).reason is Reason.QUOTA
