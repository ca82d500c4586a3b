"""OpenRouter: chat completions that state their cost, the list of models, the key's credit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from pipeline.demo.calls import CALLS
from pipeline.demo.chat_completions import Dialect, chat_completions
from pipeline.demo.stand_in import StandIn, missing_bearer_token

if TYPE_CHECKING:
    from pipeline.demo.completion import Completion

MODELS = ("anthropic/claude-sonnet-4.5", "openai/gpt-4o-mini")
# The same for every model, so that a test can do the sum in its head.
INPUT_USD_PER_MILLION_TOKENS = 1.0
OUTPUT_USD_PER_MILLION_TOKENS = 4.0
KEY_LIMIT_USD = 100.0

_MODELS_PATH = "/api/v1/models"
_CREATED = 1_735_689_600  # 2025-01-01, in seconds since 1970


def cost_usd(completion: Completion) -> float:
    return (
        completion.input_tokens * INPUT_USD_PER_MILLION_TOKENS
        + completion.output_tokens * OUTPUT_USD_PER_MILLION_TOKENS
    ) / 1_000_000


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message}}, status=status)


def _missing_credential(request: web.Request) -> str | None:
    # The real list of models is public: a probe of it does not show that a key works.
    return None if request.path == _MODELS_PATH else missing_bearer_token(request)


async def _list_models(_request: web.Request) -> web.Response:
    # Prices are texts, and per token.
    pricing = {
        "prompt": f"{INPUT_USD_PER_MILLION_TOKENS / 1_000_000:.8f}",
        "completion": f"{OUTPUT_USD_PER_MILLION_TOKENS / 1_000_000:.8f}",
    }
    models = [
        {"id": name, "name": name, "created": _CREATED, "context_length": 200_000, "pricing": pricing}
        for name in MODELS
    ]
    return web.json_response({"data": models})


async def _key(request: web.Request) -> web.Response:
    usage_usd = round(request.app[CALLS].cost_usd, 12)
    return web.json_response(
        {
            "data": {
                "label": "sk-or-v1-000...000",
                "usage": usage_usd,
                "limit": KEY_LIMIT_USD,
                "limit_remaining": KEY_LIMIT_USD - usage_usd,
                "limit_reset": None,
                "is_free_tier": False,
                "rate_limit": {"requests": 200, "interval": "10s"},
            }
        }
    )


def _install(app: web.Application) -> None:
    dialect = Dialect(
        id_prefix="gen",
        extra_fields={"provider": "stand-in"},
        cost_usd=cost_usd,
        always_streams_usage=True,
        # A comment, as the real service sends to keep the connection open; clients have to skip it.
        stream_begins_with=": OPENROUTER PROCESSING\n\n",
    )
    app.router.add_post("/api/v1/chat/completions", chat_completions(dialect))
    app.router.add_get(_MODELS_PATH, _list_models)
    app.router.add_get("/api/v1/key", _key)


OPENROUTER = StandIn(
    name="openrouter", install=_install, error=_error, missing_credential=_missing_credential
)
