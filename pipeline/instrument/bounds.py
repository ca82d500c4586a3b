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

    `reads_more` says that it does, whatever the body says.
    """
    unseen = unseen_input(body)
    model = body.get("model")
    return prices.upper_bound_usd(
        provider=provider,
        model=model if isinstance(model, str) else "",
        prompt_bytes=_bytes_of(body) + unseen.images * _TOKENS_PER_IMAGE,
        max_output_tokens=_longest(body),
        choices=max(_choices(body.get(key)) for key in ("n", "best_of")),
        fills_context=reads_more or unseen.is_open,
    )


def unseen_input(body: Mapping[str, Any]) -> Unseen:
    """Looks at the whole body; where it has too many parts for that, anything may be in it."""
    is_open = (
        any(body.get(key) for key in _CONTEXTS)
        or isinstance(body.get("prompt"), Mapping)
        or _READING_MODELS.search(str(body.get("model"))) is not None
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


def _longest(body: Mapping[str, Any]) -> int | None:
    lengths = (body.get(key) for key in _OUTPUT_LIMITS)
    longest = next((length for length in lengths if isinstance(length, int) and length >= 0), None)
    return None if longest is None else min(longest, _MOST_TOKENS)


def _choices(number: object) -> int:
    return min(max(number, 1), _MOST_CHOICES) if isinstance(number, int) else 1


def _bytes_of(body: Mapping[str, Any]) -> int:
    try:
        return len(json.dumps(body, default=str).encode())
    except (TypeError, ValueError, RecursionError):
        return 0
