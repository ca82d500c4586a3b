"""One plain call to each stand-in, for the tests that run over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import FormData

if TYPE_CHECKING:
    from aiohttp import ClientResponse

    from tests.pipeline.demo.conftest import Client

CHAT = {"model": "some-model", "messages": [{"role": "user", "content": "Say something"}]}


@dataclass(frozen=True)
class Call:
    paid_path: str
    probe_path: str
    body: dict[str, Any] | None

    async def paid(self, client: Client) -> ClientResponse:
        if self.body is None:
            return await client.post(self.paid_path, data=html_form("<h1>Hello</h1>"))
        return await client.post(self.paid_path, json=self.body)

    async def probe(self, client: Client) -> ClientResponse:
        return await client.get(self.probe_path)


def html_form(html: str, *, filename: str = "index.html") -> FormData:
    form = FormData()
    form.add_field("files", html.encode(), filename=filename, content_type="text/html")
    form.add_field("paperWidth", "8.27")
    return form


CALLS = {
    "openrouter": Call("/api/v1/chat/completions", "/api/v1/key", CHAT),
    "openai": Call("/v1/chat/completions", "/v1/models", CHAT),
    "anthropic": Call("/v1/messages", "/v1/models", CHAT | {"max_tokens": 500}),
    "firecrawl": Call("/v2/search", "/v2/team/credit-usage", {"query": "Nordlink Parcel"}),
    "pdf_service": Call("/forms/chromium/convert/html", "/health", None),
}
