"""Anthropic through its own SDK: messages, guarded and priced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import anthropic
from anthropic.types import Message as Completion
from anthropic.types import MessageParam

from pipeline.dependency import Dependency
from pipeline.fallbacks import Answer, Fallback
from pipeline.instrument.limit_headers import listen_to_limits
from pipeline.prices import Charge, Flavor, Prices
from pipeline.providers.bounded import bound_answers
from pipeline.providers.error import AccessVariables, ProviderError
from pipeline.providers.guarded import answered
from pipeline.providers.language_model import Message, most_usd
from pipeline.settings import ServiceAccess

F = TypeVar("F")


class Anthropic:
    """One client for the process; `close` it in the loop that used it."""

    def __init__(self, access: ServiceAccess, dependency: Dependency, prices: Prices) -> None:
        self.dependency = dependency
        self._prices = prices
        self._model = access.model
        self._variables = AccessVariables.of_model(access.name)
        self._client = anthropic.AsyncAnthropic(
            # Stated, and so no other credential of the environment or of a profile on disk is read.
            api_key=access.api_key,
            base_url=access.base_url,
            # The guard has the time limit and decides about retries.
            timeout=None,
            max_retries=0,
            http_client=anthropic.DefaultAsyncHttpxClient(follow_redirects=False, timeout=None),
        )
        _leave_out_other_credentials(self._client)
        bound_answers(self._client._client)  # noqa: SLF001
        listen_to_limits(self._client._client, dependency)  # noqa: SLF001

    async def ask(
        self, messages: Sequence[Message], *, max_output_tokens: int, fallback: Fallback[F]
    ) -> Answer[str | F]:
        """See `LanguageModel`."""
        answer = await answered(
            self.dependency,
            lambda: self.dependency.call(
                lambda: self._complete(messages, max_output_tokens),
                price=self._price,
                fallback=fallback,
                operation="message",
                max_usd=most_usd(
                    self._prices, self.dependency.name, self._model, messages, max_output_tokens
                ),
            ),
        )
        if isinstance(answer.value, Completion):
            return Answer(_text_of(answer.value))
        return Answer(answer.value, answer.fallback, answer.error)

    async def close(self) -> None:
        await self._client.close()

    async def _complete(self, messages: Sequence[Message], max_output_tokens: int) -> Completion:
        name = self.dependency.name
        try:
            completion = await self._client.messages.create(
                model=self._model,
                messages=[_as_param(message) for message in messages],
                max_tokens=max_output_tokens,
            )
        except anthropic.APIStatusError as error:
            status, headers = error.status_code, error.response.headers
            raise ProviderError(name, self._variables.reason(status), status, headers) from None
        except anthropic.APIConnectionError as error:
            cause = error.__cause__
            raise ProviderError(name, f"no connection ({type(cause or error).__name__})") from None
        except UnicodeEncodeError:
            raise  # of our own request, which was not sent
        except (anthropic.AnthropicError, ValueError) as error:
            raise ProviderError(name, f"the answer cannot be read ({type(error).__name__})") from None
        if not isinstance(completion, Completion) or not _is_answer(completion):
            raise ProviderError(name, "the answer is no message")
        return completion

    def _price(self, completion: Completion) -> Charge:
        return self._prices.of_answer(
            completion, provider=self.dependency.name, model=self._model, flavor=Flavor.ANTHROPIC
        )


def _leave_out_other_credentials(client: anthropic.AsyncAnthropic) -> None:
    """The SDK takes ANTHROPIC_CUSTOM_HEADERS over the key that it was given."""
    headers = client._custom_headers  # noqa: SLF001
    client._custom_headers = {  # noqa: SLF001
        name: value for name, value in headers.items() if name.lower() not in {"authorization", "x-api-key"}
    }


def _is_answer(completion: Completion) -> bool:
    """Whether there is content, or what it cost: then it is paid for."""
    return isinstance(completion.content, list) or getattr(completion, "usage", None) is not None


def _text_of(completion: Completion) -> str:
    """The SDK hands over parts of any shape; what is no text is left out."""
    if not isinstance(completion.content, list):
        return ""
    texts = (
        getattr(part, "text", None) for part in completion.content if getattr(part, "type", None) == "text"
    )
    return "".join(text for text in texts if isinstance(text, str))


def _as_param(message: Message) -> MessageParam:
    if message.role == "user":
        return {"role": "user", "content": message.content}
    return {"role": "assistant", "content": message.content}
