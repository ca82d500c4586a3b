"""OpenRouter through OpenAI's own SDK: chat completions, guarded and priced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

import openai
from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

from pipeline.dependency import Dependency
from pipeline.meter import Meter
from pipeline.prices import Charge, price_chat_completion
from pipeline.providers.error import ProviderError
from pipeline.settings import Settings

NAME: Final = "openrouter"
MAX_OUTPUT_TOKENS: Final = 2_000


class OpenRouter:
    """One client for the process; `close` it in the loop that used it."""

    def __init__(self, client: openai.AsyncOpenAI, dependency: Dependency, *, model: str) -> None:
        self._client = client
        self.dependency = dependency
        self._model = model

    @classmethod
    def open(cls, settings: Settings, meter: Meter) -> Self:
        client = openai.AsyncOpenAI(
            api_key=settings.openrouter_api_key,
            base_url=settings.openrouter_base_url,
            # Stated, or an Authorization in OPENAI_CUSTOM_HEADERS would be sent in its place.
            default_headers={"Authorization": f"Bearer {settings.openrouter_api_key}"},
            # The guard has the time limit and decides about retries.
            timeout=None,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False, timeout=None),
        )
        # The SDK took these from OPENAI_… variables: another provider's business.
        client.organization = client.project = client.admin_api_key = client.webhook_secret = None
        return cls(client, Dependency(NAME, meter=meter, paid=True), model=settings.openrouter_model)

    async def ask_for_json(self, messages: Sequence[ChatCompletionMessageParam]) -> str:
        """The model's answer to a conversation that asks for JSON; whether it is JSON is not checked.

        Raises:
            BreakerOpenError: refused; nothing was sent.
            ProviderError: no answer, or one without text. An answer without text is paid for all the same.
        """
        try:
            completion = await self.dependency.call(lambda: self._complete(messages), price=self._price)
        except TimeoutError:
            raise ProviderError(
                NAME, f"no answer within {self.dependency.call_timeout_seconds:g} s"
            ) from None
        text = completion.choices[0].message.content if completion.choices else None
        if not isinstance(text, str) or not text.strip():
            raise ProviderError(NAME, "the answer has no text")
        return text

    async def close(self) -> None:
        await self._client.close()

    async def _complete(self, messages: Sequence[ChatCompletionMessageParam]) -> ChatCompletion:
        try:
            completion = await self._client.chat.completions.create(
                model=self._model,
                messages=list(messages),
                max_tokens=MAX_OUTPUT_TOKENS,
                response_format={"type": "json_object"},
            )
        except openai.APIStatusError as error:
            raise ProviderError(
                NAME, f"status {error.status_code}", error.status_code, error.response.headers
            ) from None
        except openai.APIConnectionError as error:
            cause = error.__cause__
            raise ProviderError(NAME, f"no connection ({type(cause or error).__name__})") from None
        except (openai.OpenAIError, ValueError) as error:
            raise ProviderError(NAME, f"the answer cannot be read ({type(error).__name__})") from None
        # The SDK hands over whatever came with status 200: OpenRouter reports some failures of the
        # model's own host that way, and a proxy answers with a page.
        if not isinstance(completion, ChatCompletion) or not isinstance(completion.choices, list):
            raise ProviderError(NAME, "the answer is no chat completion")
        return completion

    def _price(self, completion: ChatCompletion) -> Charge:
        return price_chat_completion(completion.model_dump(warnings=False), provider=NAME, model=self._model)
