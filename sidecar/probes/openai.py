"""Kind `openai`: whether the key is taken and a model is listed, without spending a token."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AnyHttpUrl, Field

from sidecar.probes.json_body import json_object, list_in
from sidecar.probes.probe import ProbeOptions
from sidecar.probes.provider_api import BaseUrl, ProviderOptions, ProviderProbe, judge_status
from sidecar.probes.result import Findings, ProbeFailure, Reason


class OpenaiOptions(ProviderOptions):
    kind: Literal["openai"] = "openai"
    url: BaseUrl = AnyHttpUrl("https://api.openai.com/v1")
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="This model has to be among those the key may use."
    )


class OpenaiProbe(ProviderProbe[OpenaiOptions]):
    kind: ClassVar[str] = "openai"
    options_type: ClassVar[type[ProbeOptions]] = OpenaiOptions

    async def check(self, findings: Findings) -> None:
        """Ask for the list of models; it comes in one page, from the services that imitate this API too.

        Raises:
            ProbeFailure: as `judge_status`; `body` for another answer, or when the model is not listed.
        """
        answer = await self.ask("/models", findings)
        judge_status(answer.status)
        models = list_in(json_object(answer.body), "data")
        findings.note(f"{len(models)} models listed")
        wanted = self.options.model
        if wanted is not None and not any(isinstance(m, dict) and m.get("id") == wanted for m in models):
            raise ProbeFailure(Reason.BODY, "the model is not listed")
