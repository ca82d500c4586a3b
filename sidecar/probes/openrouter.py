"""Kind `openrouter`: whether the key is taken, and how much of its limit is left."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AnyHttpUrl, Field

from sidecar.probes.json_body import finite_number, json_object, object_in
from sidecar.probes.probe import ProbeOptions
from sidecar.probes.provider_api import BaseUrl, ProviderOptions, ProviderProbe, judge_status
from sidecar.probes.quota import judge_quota
from sidecar.probes.result import Findings, QuotaUnit


class OpenrouterOptions(ProviderOptions):
    kind: Literal["openrouter"] = "openrouter"
    url: BaseUrl = AnyHttpUrl("https://openrouter.ai/api/v1")
    min_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=0.0, description="With less of the key's limit left, or none, the quota counts as used up."
    )


class OpenrouterProbe(ProviderProbe[OpenrouterOptions]):
    kind: ClassVar[str] = "openrouter"
    options_type: ClassVar[type[ProbeOptions]] = OpenrouterOptions

    async def check(self, findings: Findings) -> None:
        """Ask about the key, which costs nothing. The list of models would not do: it is public.

        Raises:
            ProbeFailure: as `judge_status`; `quota` when too little is left; `body` for another answer.
        """
        answer = await self.ask("/key", findings)
        judge_status(answer.status)
        key = object_in(json_object(answer.body), "data")
        if key.get("is_free_tier") is True:
            findings.note("the key is of the free tier")
        if "limit_remaining" in key and key["limit_remaining"] is None:
            findings.note("the key has no limit")
            return
        left = finite_number(key.get("limit_remaining"))
        judge_quota(findings, QuotaUnit.USD, left, at_least=self.options.min_usd)
