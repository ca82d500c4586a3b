"""How many tokens an answer says it used: the providers' words for it, disjoint by type."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast

from pipeline.metrics import TokenType

MAX_TOKENS: Final = 1_000_000_000
"""No call uses more; what says so is not believed."""

_SCALARS: Final = (int, str, float)
_NOTHING: Final[Mapping[str, Any]] = {}


class Flavor(StrEnum):
    """Whose words an answer uses for its usage; the values are genai-prices' own."""

    CHAT = "chat"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    ANTHROPIC = "default"
    SECONDS = "live"


class Usage(NamedTuple):
    """Tokens by type.

    `is_credible` is False where a count is none, so that the sum may be too low; `is_consistent` where a
    part exceeds its whole.
    """

    tokens: dict[TokenType, int]
    is_credible: bool
    is_consistent: bool

    @property
    def input_tokens(self) -> int:
        """All that went in, cached or not."""
        kinds = (TokenType.INPUT, TokenType.CACHE_READ, TokenType.CACHE_WRITE)
        return sum(self.tokens.get(kind, 0) for kind in kinds)

    @property
    def output_tokens(self) -> int:
        """All that came out, thoughts among it."""
        return self.tokens.get(TokenType.OUTPUT, 0) + self.tokens.get(TokenType.REASONING, 0)


def as_mapping(answer: object) -> Mapping[str, Any]:
    """An answer as its JSON object: a mapping as it is, an SDK's object dumped; empty for anything else."""
    if isinstance(answer, (dict, Mapping)):
        return answer
    dump = getattr(answer, "model_dump", None)
    if dump is None:
        return {}
    try:
        dumped = dump(warnings=False)
    except Exception:  # noqa: BLE001  (the caller's answer is good, whatever it is made of)
        return {}
    return cast("Mapping[str, Any]", dumped) if isinstance(dumped, (dict, Mapping)) else {}


def priced_part(answer: object) -> Mapping[str, Any]:
    """Of an answer's JSON object, what its price hangs on: an SDK's is not dumped with all that it says."""
    usage = getattr(answer, "usage", None)
    if not _is_model(usage):
        return as_mapping(answer)
    return {
        "model": getattr(answer, "model", None),
        "service_tier": getattr(answer, "service_tier", None),
        "usage": _plain(usage),
    }


def _is_model(value: object) -> bool:
    """Whether it is one of pydantic's, as all that the SDKs make of an answer."""
    return hasattr(type(value), "__pydantic_serializer__")


def _plain(value: Any) -> Any:  # noqa: ANN401
    """As pydantic's `model_dump`, for the few numbers of a usage in a third of the time."""
    if isinstance(value, list):
        return [_plain(item) if _is_model(item) else item for item in value]
    if not _is_model(value):
        return value
    fields = {**value.__dict__, **(value.__pydantic_extra__ or {})}
    return {
        key: field if field is None or isinstance(field, _SCALARS) else _plain(field)
        for key, field in fields.items()
    }


def usage_of(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer's `usage`; that of the last event of a streamed response stands in its `response`."""
    for holder in (answer, inside(answer, "response")):
        usage = holder.get("usage")
        if isinstance(usage, (dict, Mapping)):
            return usage
    return {}


def count_tokens(usage: Mapping[str, Any], flavor: Flavor) -> Usage:
    """Never raises; a part that exceeds its whole is not believed, and counts as none."""
    if flavor is Flavor.ANTHROPIC:
        return _beside_each_other(usage)
    if flavor is Flavor.RESPONSES:
        return _parts_of_wholes(usage, "input_tokens", "output_tokens")
    return _parts_of_wholes(usage, "prompt_tokens", "completion_tokens")


def _parts_of_wholes(usage: Mapping[str, Any], taken: str, given: str) -> Usage:
    """OpenAI's way: cached tokens are part of the input, thoughts of the output."""
    wrong: list[object] = []
    of_taken, of_given = inside(usage, f"{taken}_details"), inside(usage, f"{given}_details")
    taken_tokens, given_tokens = _count(usage.get(taken), wrong), _count(usage.get(given), wrong)
    cached = _count(of_taken.get("cached_tokens"), wrong)
    written = _count(of_taken.get("cache_write_tokens"), wrong)
    thought = _count(of_given.get("reasoning_tokens"), wrong)
    is_consistent = cached + written <= taken_tokens and thought <= given_tokens
    if cached + written > taken_tokens:
        cached = written = 0
    if thought > given_tokens:
        thought = 0
    tokens = {
        TokenType.INPUT: taken_tokens - cached - written,
        TokenType.CACHE_READ: cached,
        TokenType.OUTPUT: given_tokens - thought,
        TokenType.REASONING: thought,
    }
    if written:
        tokens[TokenType.CACHE_WRITE] = written
    return Usage(tokens, not wrong, is_consistent)


def _beside_each_other(usage: Mapping[str, Any]) -> Usage:
    """Anthropic's way: cached tokens stand beside the input; thoughts are part of the output."""
    wrong: list[object] = []
    by_lifetime = inside(usage, "cache_creation")
    written = _count(usage.get("cache_creation_input_tokens"), wrong)
    apart = sum(_count(by_lifetime.get(f"ephemeral_{kept}_input_tokens"), wrong) for kept in ("5m", "1h"))
    given_tokens = _count(usage.get("output_tokens"), wrong)
    thought = _count(inside(usage, "output_tokens_details").get("thinking_tokens"), wrong)
    is_consistent = thought <= given_tokens
    if not is_consistent:
        thought = 0
    tokens = {
        TokenType.INPUT: _count(usage.get("input_tokens"), wrong),
        TokenType.CACHE_READ: _count(usage.get("cache_read_input_tokens"), wrong),
        TokenType.CACHE_WRITE: max(written, apart),
        TokenType.OUTPUT: given_tokens - thought,
    }
    if thought:
        tokens[TokenType.REASONING] = thought
    return Usage(tokens, not wrong, is_consistent)


def inside(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under that key, empty where there is none."""
    value = holder.get(key)
    return value if isinstance(value, (dict, Mapping)) else _NOTHING


def _count(value: object, wrong: list[object]) -> int:
    """0 for what isn't there, and for what can't be, which is noted."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKENS:
        wrong.append(value)
        return 0
    return value
