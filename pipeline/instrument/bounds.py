"""What a request for text can cost at most, for the budget."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pipeline.prices import Prices

_OUTPUT_LIMITS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens", "max_tokens_to_sample")
_MOST_TOKENS: Final = 10**9
_MOST_CHOICES: Final = 1024
_MOST_MODELS: Final = 16
_MOST_SEARCHES: Final = 1000
_SEARCHES_WITHOUT_LIMIT: Final = 10
_MOST_WORD_CHARS: Final = 40

_TOKENS_PER_IMAGE: Final = 50_000
"""More than the eight tiles of the greatest picture that gpt-4o-mini takes, which are dearest in tokens."""

_CONTEXTS: Final = (
    *("previous_response_id", "conversation", "container"),
    *("mcp_servers", "plugins", "web_search_options"),
)
"""In a body: what lies at the provider, or comes there from elsewhere, and is paid for as input."""

_FILES: Final = ("file_id", "file_url", "vector_store_ids")
_IMAGES: Final = ("image_url", "input_image", "image")
_READING_TOOLS: Final = ("web_", "file_search", "code_", "mcp", "openrouter:")
_READING_MODELS: Final = re.compile(r":online$|-search-(preview|api)|-deep-research")
_MOST_PARTS: Final = 20_000


class Unseen(NamedTuple):
    """What a body says of input that isn't in it: so many images, or as much as the model takes."""

    images: int
    is_open: bool


def most_usd(prices: Prices, provider: str, body: Mapping[str, Any], *, reads_more: bool = False) -> float:
    """By the length of the body, the answers' greatest length, and what the model reads beside the body.

    `reads_more` says that it does, whatever the body says. Any of the `models` that OpenRouter may turn to
    may answer.
    """
    unseen = unseen_input(body)
    prompt_bytes, max_output_tokens = _bytes_of(body), _longest(body)
    choices = choices_of(body) * _prompts(body.get("prompt"))
    tier, searches = _word(body.get("service_tier")), _searches(body)
    return max(
        prices.upper_bound_usd(
            provider=provider,
            model=model,
            prompt_bytes=prompt_bytes,
            max_output_tokens=max_output_tokens,
            other_input_tokens=unseen.images * _TOKENS_PER_IMAGE,
            choices=choices,
            searches=searches,
            fills_context=reads_more or unseen.is_open,
            service_tier=None if tier == "auto" else tier,
            speed=_word(body.get("speed")),
        )
        for model in _models(body)
    )


def choices_of(body: Mapping[str, Any]) -> int:
    """How many answers, or pictures, are asked for."""
    numbers = (body.get(key) for key in ("n", "best_of"))
    most = max((number for number in numbers if isinstance(number, int)), default=1)
    return min(max(most, 1), _MOST_CHOICES)


def unseen_input(body: Mapping[str, Any]) -> Unseen:
    """Looks at the whole body; where it has too many parts for that, anything may be in it."""
    is_open = (
        any(body.get(key) for key in _CONTEXTS)
        or isinstance(body.get("prompt"), Mapping)
        or any(_READING_MODELS.search(model) for model in _models(body))
    )
    images = parts = 0
    left: list[object] = [body]
    while left and parts < _MOST_PARTS:
        part = left.pop()
        parts += 1
        if isinstance(part, list | tuple):
            left.extend(part)
        elif isinstance(part, Mapping):
            if part.get("type") in _IMAGES:
                images += 1
            else:
                is_open = is_open or _is_open(part)
                left.extend(part.values())
    return Unseen(images, is_open or bool(left))


def _is_open(part: Mapping[Any, Any]) -> bool:
    # A tool's schema may have such keys too, but not with a text or a list.
    if any(isinstance(part.get(key), str | list) for key in _FILES):
        return True
    audio = part.get("audio")
    if isinstance(audio, Mapping) and "id" in audio:  # what was said in an earlier answer
        return True
    kind = part.get("type")
    if not isinstance(kind, str):
        return False
    return (
        kind in ("item_reference", "url")  # the latter is the source of one of Anthropic's documents
        or kind.endswith("_url")
        or kind.startswith(_READING_TOOLS)
        or (kind == "file" and _is_elsewhere(part.get("file")))
    )


def _is_elsewhere(file: object) -> bool:
    """OpenRouter takes a file's URL in the place of its data."""
    data = file.get("file_data") if isinstance(file, Mapping) else None
    return isinstance(data, str) and data.startswith(("http://", "https://"))


def _models(body: Mapping[str, Any]) -> list[str]:
    """That which is asked for, and those that may stand in; "" is one that nobody lists."""
    others = body.get("models")
    names = [body.get("model"), *(others[:_MOST_MODELS] if isinstance(others, list | tuple) else ())]
    models = list(dict.fromkeys(name for name in names if isinstance(name, str)))
    is_all = len(names) <= _MOST_MODELS
    return models if models and is_all else [*models, ""]


def _prompts(prompt: object) -> int:
    """How many texts are to be completed; a list of numbers is one, in tokens."""
    if not isinstance(prompt, list | tuple) or all(isinstance(item, int) for item in prompt):
        return 1
    return len(prompt)


def _searches(body: Mapping[str, Any]) -> int:
    """As many as its tools may make; where they have no limit, nobody knows."""
    tools = body.get("tools")
    searches = 0
    for tool in tools[:_MOST_PARTS] if isinstance(tools, list | tuple) else ():
        kind = tool.get("type") if isinstance(tool, Mapping) else None
        if isinstance(kind, str) and kind.startswith("web_search"):
            most = tool.get("max_uses")
            searches += most if isinstance(most, int) and most >= 0 else _SEARCHES_WITHOUT_LIMIT
    return min(searches, _MOST_SEARCHES)


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= _MOST_WORD_CHARS else None


def _longest(body: Mapping[str, Any]) -> int | None:
    lengths = (body.get(key) for key in _OUTPUT_LIMITS)
    longest = next((length for length in lengths if isinstance(length, int) and length >= 0), None)
    return None if longest is None else min(longest, _MOST_TOKENS)


def _bytes_of(body: Mapping[str, Any]) -> int:
    try:
        return len(json.dumps(body, default=str).encode())
    except (TypeError, ValueError, RecursionError):
        return 0
