"""Kind `anthropic`: whether the key is taken and a model is there, without spending a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal
from urllib.parse import quote

from pydantic import AnyHttpUrl, Field

from sidecar.probes.json_body import json_object, list_in
from sidecar.probes.probe import ProbeOptions
from sidecar.probes.provider_api import BaseUrl, ProviderOptions, ProviderProbe, judge_status
from sidecar.probes.result import Findings, ProbeFailure, Reason

_VERSION: Final = "2023-06-01"
_NOT_FOUND: Final = 404


class AnthropicOptions(ProviderOptions):
    kind: Literal["anthropic"] = "anthropic"
    url: BaseUrl = AnyHttpUrl("https://api.anthropic.com")
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="This model, or what this alias stands for, has to be one the key may use."
    )


class AnthropicProbe(ProviderProbe[AnthropicOptions]):
    kind: ClassVar[str] = "anthropic"
    options_type: ClassVar[type[ProbeOptions]] = AnthropicOptions

    async def check(self, findings: Findings) -> None:
        """Ask for the list of models or, as it comes in pages and without aliases, for the one model.

        Raises:
            ProbeFailure: as `judge_status`; `body` for another answer, or when there is no such model.
        """
        model = self.options.model
        if model is None:
            answer = await self.ask("/v1/models", findings)
            judge_status(answer.status)
            findings.note(f"{len(list_in(json_object(answer.body), 'data'))} models listed")
            return
        answer = await self.ask(f"/v1/models/{quote(model, safe='')}", findings)
        if answer.status == _NOT_FOUND:
            raise ProbeFailure(Reason.BODY, "there is no such model")
        judge_status(answer.status)
        if not isinstance(json_object(answer.body).get("id"), str):
            raise ProbeFailure(Reason.BODY, "the answer is not about a model")

    def credentials(self) -> Mapping[str, str]:
        return {"x-api-key": self.options.api_key.get_secret_value(), "anthropic-version": _VERSION}
