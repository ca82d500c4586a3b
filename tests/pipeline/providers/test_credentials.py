"""Whose key is sent, and to whom."""

from __future__ import annotations

import pytest
from aiohttp import web

from pipeline.providers import ProviderError
from tests.pipeline.providers.asking import MESSAGES, ask
from tests.pipeline.providers.serving import CHAT, NOBODY, Scripted, completion, message, serving


async def test_a_profile_or_token_of_the_environment_is_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "other-secret")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "other-secret")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", NOBODY)
    monkeypatch.setenv(
        "ANTHROPIC_CUSTOM_HEADERS", "X-Api-Key: other-secret\nauthorization: Bearer other-secret\nX-Team: 7"
    )
    reply = Scripted(message("{}"))
    async with serving(MESSAGES, reply) as url:
        await ask(url, name="anthropic")
    assert "other-secret" not in str(reply.headers)
    assert "anthropic-secret" in str(reply.headers)
    assert reply.headers[0]["X-Team"] == "7"


async def test_another_providers_credentials_are_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "openai-secret")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "openai-secret")
    monkeypatch.setenv("OPENAI_ORG_ID", "openai-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "openai-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", NOBODY)
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "authorization: Bearer openai-secret")
    reply = Scripted(completion("{}"))
    async with serving(CHAT, reply) as url:
        await ask(url)
    assert reply.headers[0]["Authorization"] == "Bearer openrouter-secret"
    assert "openai-secret" not in str(reply.headers)


@pytest.mark.parametrize(("name", "path"), [("openrouter", CHAT), ("anthropic", MESSAGES)])
async def test_redirect_is_not_followed(name: str, path: str) -> None:
    redirect = Scripted(lambda: web.Response(status=307, headers={"Location": NOBODY}))
    async with serving(path, redirect) as url:
        with pytest.raises(ProviderError, match="status 307"):
            await ask(url, name=name)
