"""How many tokens an answer says it used: the providers' words for it, disjoint by type."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast

from pipeline.metrics import TokenType

MAX_TOKENS: Final = 1_000_000_000
"""No call uses more; what says so is not believed."""

_SCALARS: Final = (int, str, float)
# Names of their own: to look each up in its class, ten times an answer, is a tenth of what a price takes.
_INPUT: Final = TokenType.INPUT
_CACHE_READ: Final = TokenType.CACHE_READ
_CACHE_WRITE: Final = TokenType.CACHE_WRITE
_OUTPUT: Final = TokenType.OUTPUT
_REASONING: Final = TokenType.REASONING
_NOTHING: Final[Mapping[str, Any]] = {}


class Flavor(StrEnum):
    """Whose words an answer uses for its usage; the values are genai-prices' own."""

    CHAT = "chat"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    ANTHROPIC = "default"
    SECONDS = "live"


_ANTHROPIC: Final = Flavor.ANTHROPIC
_RESPONSES: Final = Flavor.RESPONSES
_PARTS_OF_CHAT: Final = (
    *("prompt_tokens", "prompt_tokens_details"),
    *("completion_tokens", "completion_tokens_details"),
)
_PARTS_OF_RESPONSES: Final = (
    *("input_tokens", "input_tokens_details"),
    *("output_tokens", "output_tokens_details"),
)


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
        return sum(self.tokens.get(kind, 0) for kind in (_INPUT, _CACHE_READ, _CACHE_WRITE))

    @property
    def output_tokens(self) -> int:
        """All that came out, thoughts among it."""
        return self.tokens.get(_OUTPUT, 0) + self.tokens.get(_REASONING, 0)


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
    """Of an answer's JSON object, what its price hangs on: an SDK's is not dumped with all that it says.

    Objects in its `usage` are still the SDK's: `inside` reads them, and `plain` dumps them.
    """
    usage = getattr(answer, "usage", None)
    if not _is_model(usage):
        return as_mapping(answer)
    return {
        "model": getattr(answer, "model", None),
        "service_tier": getattr(answer, "service_tier", None),
        "usage": _fields(usage),
    }


def _is_model(value: object) -> bool:
    """Whether it is one of pydantic's, as all that the SDKs make of an answer."""
    return hasattr(type(value), "__pydantic_serializer__")


def _fields(model: Any) -> dict[str, Any]:  # noqa: ANN401
    """Whatever it was made by; a dataclass of pydantic's has nothing beside its own fields."""
    return {**getattr(model, "__dict__", {}), **(getattr(model, "__pydantic_extra__", None) or {})}


def plain(value: Any) -> Any:  # noqa: ANN401
    """As pydantic's `model_dump`, for the few numbers of a usage in a third of the time."""
    if value is None or isinstance(value, _SCALARS):
        return value
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return plain(_fields(value)) if _is_model(value) else value


def usage_of(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer's `usage`; that of the last event of a streamed response stands in its `response`."""
    usage = answer.get("usage")
    if isinstance(usage, (dict, Mapping)):
        return usage
    return inside(inside(answer, "response"), "usage")


def count_tokens(usage: Mapping[str, Any], flavor: Flavor) -> Usage:
    """Never raises; a part that exceeds its whole is not believed, and counts as none."""
    if flavor is _ANTHROPIC:
        return _beside_each_other(usage)
    return _parts_of_wholes(usage, *(_PARTS_OF_RESPONSES if flavor is _RESPONSES else _PARTS_OF_CHAT))


def _parts_of_wholes(
    usage: Mapping[str, Any], taken: str, taken_parts: str, given: str, given_parts: str
) -> Usage:
    """OpenAI's way: cached tokens are part of the input, thoughts of the output."""
    wrong: list[object] = []
    of_taken, of_given = inside(usage, taken_parts), inside(usage, given_parts)
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
        _INPUT: taken_tokens - cached - written,
        _CACHE_READ: cached,
        _OUTPUT: given_tokens - thought,
        _REASONING: thought,
    }
    if written:
        tokens[_CACHE_WRITE] = written
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
        _INPUT: _count(usage.get("input_tokens"), wrong),
        _CACHE_READ: _count(usage.get("cache_read_input_tokens"), wrong),
        _CACHE_WRITE: max(written, apart),
        _OUTPUT: given_tokens - thought,
    }
    if thought:
        tokens[_REASONING] = thought
    return Usage(tokens, not wrong, is_consistent)


def inside(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under that key, empty where there is none."""
    value = holder.get(key)
    if value is None:
        return _NOTHING
    # In the order in which they are met: to ask for any mapping takes five times as long as for a dict.
    if isinstance(value, dict):
        return value
    if _is_model(value):
        return _fields(value)
    return value if isinstance(value, Mapping) else _NOTHING


def _count(value: object, wrong: list[object]) -> int:
    """0 for what isn't there, and for what can't be, which is noted."""
    if value is None:
        return 0
    if isinstance(value, int) and 0 <= value <= MAX_TOKENS and not isinstance(value, bool):
        return value
    wrong.append(value)
    return 0
