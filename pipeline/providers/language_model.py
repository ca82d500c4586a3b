"""What every language model can be asked, whoever provides it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from pipeline.dependency import Dependency
from pipeline.fallbacks import Answer, Fallback
from pipeline.prices import Prices

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    content: str


def most_usd(
    prices: Prices, provider: str, model: str, messages: Sequence[Message], max_output_tokens: int
) -> float:
    """What a conversation costs at most, for the budget."""
    return prices.upper_bound_usd(
        provider=provider,
        model=model,
        prompt_bytes=sum([_bytes_of(message.content) for message in messages]),
        max_output_tokens=max_output_tokens,
    )


def _bytes_of(text: str) -> int:
    # Text knows whether it is ASCII: no copy of a long one, to measure it.
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


class LanguageModel(Protocol):
    """One provider's model, guarded and priced. `close` it in the loop that used it."""

    @property
    def dependency(self) -> Dependency: ...

    async def ask(
        self, messages: Sequence[Message], *, max_output_tokens: int, fallback: Fallback[F]
    ) -> Answer[str | F]:
        """The model's answer to a conversation that asks for JSON; whether it is JSON is not checked.

        An answer without text is empty: it is paid for all the same.

        Raises:
            BreakerOpenError: refused; nothing was sent. RejectedError: likewise.
            ProviderError: no answer, and the fallback has none either.
        """

    async def close(self) -> None: ...
