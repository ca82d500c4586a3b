"""Which OpenAI requests cost money, and what; OpenRouter and others speak the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pipeline.dependency import Dependency
from pipeline.instrument import stainless
from pipeline.instrument.answers import NoAnswerError, failure_in, status_in
from pipeline.instrument.bounds import choices_of, most_usd
from pipeline.instrument.charged_once import ChargedJobs, charged_jobs
from pipeline.instrument.requests import Request
from pipeline.instrument.streams import Usage
from pipeline.metrics import PriceSource
from pipeline.prices import CEILING_USD_PER_CALL, Charge, Flavor, Prices, as_mapping
from pipeline.prices.usage import usage_of

_FLAVORS: Final = {
    "/chat/completions": Flavor.CHAT,
    "/completions": Flavor.CHAT,
    "/responses": Flavor.RESPONSES,
    "/responses/compact": Flavor.RESPONSES,
    "/embeddings": Flavor.EMBEDDINGS,
}
_HELD: Final = {
    Flavor.CHAT: ("choices",),
    Flavor.RESPONSES: ("output",),
    Flavor.EMBEDDINGS: ("data",),
}
"""What an answer has that is one."""

_MEDIA: Final = ("/images/", "/audio/", "/videos")
"""Paid for, whether their answers state a usage or not."""

_RUNS: Final = re.compile(r"/threads(/[^/]+)?/runs")
_JOB: Final = re.compile(r"/(responses|threads/[^/]+/runs)/[^/]+(?P<cancel>/cancel)?")
_UNDER_WAY: Final = ("queued", "in_progress", "requires_action", "cancelling")
_USAGE_ON_REQUEST: Final = ("/chat/completions", "/completions")
_PRICE_TABLE_KNOWS: Final = ("openai", "openrouter")


def install(client: object, dependency: Dependency, prices: Prices) -> None:
    stainless.install(client, dependency, _OpenAI(dependency.name, prices, charged_jobs(dependency)))


class _OpenAI:
    def __init__(self, dependency: str, prices: Prices, charged: ChargedJobs) -> None:
        self._prices = prices
        self._provider = dependency if dependency in _PRICE_TABLE_KNOWS else "openai"
        self._charged = charged

    def prepare(self, options: Any, *, stream: bool) -> None:  # noqa: ANN401
        """Ask a stream for its usage, unless the caller has said anything about it.

        It comes in one more chunk at the end, whose list of choices is empty.
        """
        body = options.json_data
        if not (stream and isinstance(body, dict) and options.url in _USAGE_ON_REQUEST):
            return
        asked = body.get("stream_options")
        asked = asked if isinstance(asked, dict) else {}
        if "include_usage" not in asked:
            options.json_data = {**body, "stream_options": {**asked, "include_usage": True}}

    def price(self, request: Request, answer: Mapping[str, Any]) -> Charge | None:
        """Whatever states a usage is paid; what goes on behind is paid once, when it has ended."""
        if self._may_tell_of_a_job(request):
            return self._price_of_job(request, answer)
        if request.method != "post":
            return None
        model = str(request.body.get("model") or "")
        if request.path.startswith(_MEDIA):
            return self._price_of_media(request, answer, model)
        stated = usage_of(answer)
        flavor = _FLAVORS.get(request.path)
        goes_on = request.body.get("background") is True or answer.get("status") in _UNDER_WAY
        if not stated and (flavor is None or goes_on):
            return None
        name = answer.get("id")
        if flavor in (None, Flavor.RESPONSES) and isinstance(name, str):
            self._charged.add(name)  # it may be asked for again
        return self._price_of_usage(request, answer, flavor)

    def _price_of_job(self, request: Request, answer: Mapping[str, Any]) -> Charge | None:
        status, job = answer.get("status"), answer.get("id")
        has_ended = isinstance(status, str) and status not in _UNDER_WAY
        # What did not go on behind was paid for when it was asked for.
        if not has_ended or not usage_of(answer) or answer.get("background") is False:
            return None
        if not isinstance(job, str) or not self._charged.add(job):
            return None
        return self._price_of_usage(request, answer, None)

    def _price_of_usage(self, request: Request, answer: Mapping[str, Any], flavor: Flavor | None) -> Charge:
        if flavor is None:
            flavor = Flavor.CHAT if "prompt_tokens" in usage_of(answer) else Flavor.RESPONSES
        model = str(request.body.get("model") or "")
        return self._prices.of_answer(answer, provider=self._provider, model=model, flavor=flavor)

    def _price_of_media(self, request: Request, answer: Mapping[str, Any], model: str) -> Charge:
        pieces = choices_of(request.body)
        charge = self._prices.of_media(answer, provider=self._provider, model=model, pieces=pieces)
        if not answer.get("svg_usage") or charge.usd >= CEILING_USD_PER_CALL:
            return charge
        # What another model used to draw with lines is stated apart, without its name.
        return replace(charge, usd=CEILING_USD_PER_CALL, source=PriceSource.CEILING)

    def failure(self, request: Request, answer: Mapping[str, Any]) -> NoAnswerError | None:
        flavor = _FLAVORS.get(request.path) if request.method == "post" else None
        return None if flavor is None else failure_in(answer, _HELD[flavor])

    def is_free(self, request: Request) -> bool:
        path = request.path
        is_paid = path in _FLAVORS or path.startswith(_MEDIA) or _RUNS.fullmatch(path)
        return request.method != "post" or not is_paid

    def most_usd(self, request: Request) -> float:
        if request.path.startswith(_MEDIA):
            return choices_of(request.body) * CEILING_USD_PER_CALL
        is_run = request.path not in _FLAVORS
        return most_usd(self._prices, self._provider, request.body, reads_more=is_run)

    def usage(self, request: Request) -> Usage:
        return _LastUsage(self, request)

    @staticmethod
    def _may_tell_of_a_job(request: Request) -> bool:
        job = _JOB.fullmatch(request.path)
        return job is not None and (request.method == "get" or job["cancel"] is not None)


class _LastUsage:
    """The usage of the last item that states one; a stream cut short before it costs the ceiling."""

    def __init__(self, dialect: _OpenAI, request: Request) -> None:
        self._dialect = dialect
        self._request = request
        self._answer: Mapping[str, Any] = {}
        self.failure: NoAnswerError | None = None

    def see(self, item: Any) -> None:  # noqa: ANN401
        # A chunk of a chat completion states it itself, an event of a response in its `response`, one of a
        # run in its `data`.
        data = getattr(item, "data", None)
        run = data if getattr(data, "object", None) == "thread.run" else None
        for holder in (item, getattr(item, "response", None), run):
            if getattr(holder, "usage", None) is not None:
                self._answer = as_mapping(holder)
        kind = getattr(item, "type", None)
        if kind == "response.failed":
            self.failure = NoAnswerError(status=status_in(getattr(item.response, "error", None)))
        elif kind == "error":
            self.failure = NoAnswerError(status=status_in(item))

    def charge(self) -> Charge | None:
        if self.failure is not None and not self._answer:
            return None
        return self._dialect.price(self._request, self._answer)
