"""Kind `firecrawl`: whether the key is taken, and how many credits its team has left."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AnyHttpUrl, Field

from sidecar.probes.json_body import finite_number, json_object, object_in
from sidecar.probes.probe import ProbeOptions
from sidecar.probes.provider_api import BaseUrl, ProviderOptions, ProviderProbe, judge_status
from sidecar.probes.quota import judge_quota
from sidecar.probes.result import Findings, QuotaUnit


class FirecrawlOptions(ProviderOptions):
    kind: Literal["firecrawl"] = "firecrawl"
    url: BaseUrl = AnyHttpUrl("https://api.firecrawl.dev")
    min_credits: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=0.0, description="With fewer left, or none, the quota counts as used up."
    )


class FirecrawlProbe(ProviderProbe[FirecrawlOptions]):
    kind: ClassVar[str] = "firecrawl"
    options_type: ClassVar[type[ProbeOptions]] = FirecrawlOptions

    async def check(self, findings: Findings) -> None:
        """Ask for the team's credits, which costs none.

        Raises:
            ProbeFailure: as `judge_status`; `quota` when too few are left; `body` for another answer.
        """
        answer = await self.ask("/v2/team/credit-usage", findings)
        judge_status(answer.status)
        usage = object_in(json_object(answer.body), "data")
        # Camel case in version 2 of the API, snake case in version 1.
        left = finite_number(usage.get("remainingCredits", usage.get("remaining_credits")))
        judge_quota(findings, QuotaUnit.CREDITS, left, at_least=self.options.min_credits)
