"""Chat completions through OpenAI's own SDK, guarded and priced: OpenAI's and OpenRouter's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

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

_NO_CREDIT: Final = "insufficient_quota"
"""OpenAI's code, beside status 429, for what others call 402: waiting does not help."""


class ChatCompletions:
    """One client for the process; `close` it in the loop that used it."""

    def __init__(self, access: ServiceAccess, dependency: Dependency, prices: Prices) -> None:
        self.dependency = dependency
        self._prices = prices
        self._model = access.model
        self._variables = AccessVariables.of_model(access.name)
        self._client = openai.AsyncOpenAI(
            api_key=access.api_key,
            base_url=access.base_url,
            # Stated, or an Authorization in OPENAI_CUSTOM_HEADERS would be sent in its place.
            default_headers={"Authorization": f"Bearer {access.api_key}"},
            # The guard has the time limit and decides about retries.
            timeout=None,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False, timeout=None),
        )
        bound_answers(self._client._client)  # noqa: SLF001
        listen_to_limits(self._client._client, dependency)  # noqa: SLF001
        # The SDK took these from OPENAI_… variables: another provider's business.
        client = self._client
        client.organization = client.project = client.admin_api_key = client.webhook_secret = None

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
                operation="chat completion",
                max_usd=most_usd(
                    self._prices, self.dependency.name, self._model, messages, max_output_tokens
                ),
            ),
        )
        if isinstance(answer.value, ChatCompletion):
            return Answer(_text_of(answer.value))
        return Answer(answer.value, answer.fallback, answer.error)

    async def close(self) -> None:
        await self._client.close()

    async def _complete(self, messages: Sequence[Message], max_output_tokens: int) -> ChatCompletion:
        name = self.dependency.name
        try:
            completion = await self._client.chat.completions.create(
                model=self._model,
                messages=[_as_param(message) for message in messages],
                # OpenAI's reasoning models refuse the old name, which others who speak its API know better.
                max_completion_tokens=max_output_tokens if name == "openai" else openai.omit,
                max_tokens=openai.omit if name == "openai" else max_output_tokens,
                response_format={"type": "json_object"},
            )
        except openai.APIStatusError as error:
            status, headers = error.status_code, error.response.headers
            if error.code == _NO_CREDIT:
                raise ProviderError(name, f"status {status}, no credit is left", 402, headers) from None
            raise ProviderError(name, self._variables.reason(status), status, headers) from None
        except openai.APIConnectionError as error:
            cause = error.__cause__
            raise ProviderError(name, f"no connection ({type(cause or error).__name__})") from None
        except UnicodeEncodeError:
            raise  # of our own request, which was not sent
        except (openai.OpenAIError, ValueError) as error:
            raise ProviderError(name, f"the answer cannot be read ({type(error).__name__})") from None
        # The SDK hands over whatever came with status 200: OpenRouter reports some failures of the
        # model's own host that way, and a proxy answers with a page.
        if not isinstance(completion, ChatCompletion) or not _is_answer(completion):
            raise ProviderError(name, "the answer is no chat completion")
        return completion

    def _price(self, completion: ChatCompletion) -> Charge:
        return self._prices.of_answer(
            completion, provider=self.dependency.name, model=self._model, flavor=Flavor.CHAT
        )


def _is_answer(completion: ChatCompletion) -> bool:
    """Whether there are choices, or what they cost: then it is paid for."""
    return isinstance(completion.choices, list) or completion.usage is not None


def _text_of(completion: ChatCompletion) -> str:
    """The SDK hands over a choice of any shape; one that has no text is empty."""
    choice = completion.choices[0] if isinstance(completion.choices, list) and completion.choices else None
    text = getattr(getattr(choice, "message", None), "content", None)
    return text if isinstance(text, str) else ""


def _as_param(message: Message) -> ChatCompletionMessageParam:
    if message.role == "user":
        return {"role": "user", "content": message.content}
    return {"role": "assistant", "content": message.content}
