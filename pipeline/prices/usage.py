"""How many tokens an answer says it used: the providers' words for it, disjoint by type."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast

from pipeline.metrics import TokenType

MAX_TOKENS: Final = 1_000_000_000
"""No call uses more; what says so is not believed."""


class Flavor(StrEnum):
    """Whose words an answer uses for its usage; the values are genai-prices' own."""

    CHAT = "chat"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    ANTHROPIC = "default"


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
        return sum(self.tokens.get(kind, 0) for kind in (TokenType.OUTPUT, TokenType.REASONING))


def as_mapping(answer: object) -> Mapping[str, Any]:
    """An answer as its JSON object: a mapping as it is, an SDK's object dumped; empty for anything else."""
    if isinstance(answer, Mapping):
        return answer
    dump = getattr(answer, "model_dump", None)
    if dump is None:
        return {}
    try:
        dumped = dump(warnings=False)
    except Exception:  # noqa: BLE001  (the caller's answer is good, whatever it is made of)
        return {}
    return cast("Mapping[str, Any]", dumped) if isinstance(dumped, Mapping) else {}


def usage_of(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer's `usage`; that of the last event of a streamed response stands in its `response`."""
    for holder in (answer, answer.get("response")):
        usage = holder.get("usage") if isinstance(holder, Mapping) else None
        if isinstance(usage, Mapping):
            return usage
    return {}


def count_tokens(usage: Mapping[str, Any], flavor: Flavor) -> Usage:
    """Never raises; a part that exceeds its whole is not believed, and counts as none."""
    counts = _Counts(usage)
    if flavor is Flavor.ANTHROPIC:
        tokens = _beside_each_other(counts)
    elif flavor is Flavor.RESPONSES:
        tokens = _parts_of_wholes(counts, "input_tokens", "output_tokens")
    else:
        tokens = _parts_of_wholes(counts, "prompt_tokens", "completion_tokens")
    return Usage(tokens, counts.are_credible, counts.are_consistent)


def _parts_of_wholes(counts: _Counts, taken: str, given: str) -> dict[TokenType, int]:
    """OpenAI's way: cached tokens are part of the input, thoughts of the output."""
    taken_tokens, given_tokens = counts.of(taken), counts.of(given)
    cached = counts.of(f"{taken}_details", "cached_tokens")
    written = counts.of(f"{taken}_details", "cache_write_tokens")
    thought = counts.of(f"{given}_details", "reasoning_tokens")
    if not counts.are_part(cached + written, taken_tokens):
        cached = written = 0
    if not counts.are_part(thought, given_tokens):
        thought = 0
    tokens = {
        TokenType.INPUT: taken_tokens - cached - written,
        TokenType.CACHE_READ: cached,
        TokenType.OUTPUT: given_tokens - thought,
        TokenType.REASONING: thought,
    }
    return tokens | ({TokenType.CACHE_WRITE: written} if written else {})


def _beside_each_other(counts: _Counts) -> dict[TokenType, int]:
    """Anthropic's way: cached tokens stand beside the input; thoughts are part of the output."""
    written = counts.of("cache_creation_input_tokens")
    apart = sum(counts.of("cache_creation", f"ephemeral_{kept}_input_tokens") for kept in ("5m", "1h"))
    given_tokens = counts.of("output_tokens")
    thought = counts.of("output_tokens_details", "thinking_tokens")
    if not counts.are_part(thought, given_tokens):
        thought = 0
    tokens = {
        TokenType.INPUT: counts.of("input_tokens"),
        TokenType.CACHE_READ: counts.of("cache_read_input_tokens"),
        TokenType.CACHE_WRITE: max(written, apart),
        TokenType.OUTPUT: given_tokens - thought,
    }
    return tokens | ({TokenType.REASONING: thought} if thought else {})


class _Counts:
    """Reads counts and remembers what was wrong with them."""

    def __init__(self, usage: Mapping[str, Any]) -> None:
        self._usage = usage
        self.are_credible = True
        self.are_consistent = True

    def of(self, key: str, inner: str | None = None) -> int:
        """0 for what isn't there, and for what can't be."""
        value = self._usage.get(key)
        if inner is not None:
            value = value.get(inner) if isinstance(value, Mapping) else None
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TOKENS:
            self.are_credible = False
            return 0
        return value

    def are_part(self, part: int, whole: int) -> bool:
        if part > whole:
            self.are_consistent = False
        return part <= whole
