"""What jobs learn from each other: in memory, bounded, and forgotten in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.fallbacks import CachedResponses

if TYPE_CHECKING:
    from pydantic import BaseModel

_MAX_ENTRIES: Final = 1_000
_ANSWER_TTL_SECONDS: Final = 7 * 24 * 3600.0
DEFAULT_RESEARCH_TTL_SECONDS: Final = 24 * 3600.0


class Memory:
    """Shared by all jobs of a process.

    Attributes:
        answers: The last good answers of language models, by question: for when no model answers.
        research: What was found out, by company and role: it is not looked up again.
    """

    def __init__(self, *, research_ttl_seconds: float = DEFAULT_RESEARCH_TTL_SECONDS) -> None:
        self.answers: CachedResponses[BaseModel] = CachedResponses(
            max_entries=_MAX_ENTRIES, ttl_seconds=_ANSWER_TTL_SECONDS
        )
        self.research: CachedResponses[BaseModel] = CachedResponses(
            max_entries=_MAX_ENTRIES, ttl_seconds=research_ttl_seconds
        )
