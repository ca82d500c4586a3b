"""The language models in the order of the settings: where one has no answer, the next is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar

import structlog

from pipeline.breaker import BreakerOpenError
from pipeline.failures import says_no_credit
from pipeline.fallbacks import Answer, Fallback
from pipeline.prices import Prices
from pipeline.providers.error import ProviderError
from pipeline.providers.guarded import RETRIES, Guards
from pipeline.providers.language_model import LanguageModel, Message
from pipeline.rejections import RejectedError
from pipeline.settings import MODEL_PROVIDERS, ServiceAccess, Settings

if TYPE_CHECKING:
    from pipeline.dependency import Dependency

log = structlog.get_logger(__name__)

F = TypeVar("F")

NAMES: Final = tuple(provider.name for provider in MODEL_PROVIDERS)


class _NoFallback:
    """For all but the last: the next one stands in."""

    def stand_in(self, _error: Exception) -> None:
        return None

    def learn(self, value: object) -> None:
        pass


_NO_FALLBACK: Final = _NoFallback()


class _Refused(Generic[F]):
    """A fallback that is told of an earlier model's refusal instead of the last one's failure."""

    def __init__(self, refusal: RejectedError | ProviderError, fallback: Fallback[F]) -> None:
        self._refusal = refusal
        self._fallback = fallback

    def stand_in(self, _error: Exception) -> Answer[F] | None:
        return self._fallback.stand_in(self._refusal)

    def learn(self, value: object) -> None:
        self._fallback.learn(value)


class LanguageModels:
    """As one language model that is down only when all are."""

    def __init__(self, models: Sequence[LanguageModel]) -> None:
        """At least one.

        Raises:
            ValueError: none.
        """
        if not models:
            raise ValueError("models: at least one is needed")
        self.models = tuple(models)

    @classmethod
    def open(cls, settings: Settings, guards: Guards) -> Self:
        # The next one is asked sooner than the same again; who is alone is asked again.
        retries = RETRIES if len(settings.language_models) == 1 else None
        return cls(
            [
                _OPEN[access.name](
                    access,
                    guards.guarded(access.name, paid=True, retries=retries),
                    settings.prices,
                )
                for access in settings.language_models
            ]
        )

    async def ask(
        self, messages: Sequence[Message], *, max_output_tokens: int, fallback: Fallback[F]
    ) -> Answer[str | F]:
        """The first answer there is; the fallback stands in for the last model, and is counted there.

        Where one was refused for want of money or quota, the fallback is told that, and not what came later.

        Raises:
            RejectedError, ProviderError: the last model's, where the fallback has no answer.
        """
        *first, last = self.models
        refused: RejectedError | ProviderError | None = None
        for model in first:
            try:
                return await model.ask(messages, max_output_tokens=max_output_tokens, fallback=_NO_FALLBACK)
            except RejectedError as error:  # the breaker and the limits have told why, once
                if not isinstance(error, BreakerOpenError):
                    refused = error
            except ProviderError as error:
                log.warning("language_model.failed", dependency=model.dependency.name, reason=error.reason)
                if says_no_credit(error):
                    refused = error
        if refused is not None:
            fallback = _Refused(refused, fallback)
        return await last.ask(messages, max_output_tokens=max_output_tokens, fallback=fallback)

    def can_answer(self) -> bool:
        """Whether one may be asked now: not where all their breakers are open."""
        return not all(model.dependency.breaker.opened for model in self.models)

    async def close(self) -> None:
        for model in self.models:
            await model.close()


def _open_chat_completions(access: ServiceAccess, dependency: Dependency, prices: Prices) -> LanguageModel:
    from pipeline.providers.chat_completions import ChatCompletions

    return ChatCompletions(access, dependency, prices)


def _open_anthropic(access: ServiceAccess, dependency: Dependency, prices: Prices) -> LanguageModel:
    # Its SDK takes half a second to import: only for those who have its key.
    from pipeline.providers.anthropic import Anthropic

    return Anthropic(access, dependency, prices)


_OPEN: Final[dict[str, Callable[[ServiceAccess, Dependency, Prices], LanguageModel]]] = {
    "openrouter": _open_chat_completions,
    "openai": _open_chat_completions,
    "anthropic": _open_anthropic,
}
