"""What every language model can be asked, whoever provides it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from pipeline.dependency import Dependency
from pipeline.fallbacks import Answer, Fallback

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    content: str


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
