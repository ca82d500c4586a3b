"""FireCrawl through its own SDK: search and scrape, guarded, and priced by credits."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import httpx
from firecrawl import FirecrawlError
from firecrawl.v2 import AsyncFirecrawlClient
from firecrawl.v2.types import Document

from pipeline.dependency import Dependency
from pipeline.failures import is_replaceable
from pipeline.fallbacks import Answer, Fallback
from pipeline.instrument.credits import credits_stated
from pipeline.prices import Prices
from pipeline.providers.bounded import bound_answers
from pipeline.providers.error import AccessVariables, ProviderError
from pipeline.providers.guarded import answered
from pipeline.settings import ServiceAccess

F = TypeVar("F")
T = TypeVar("T")

NAME: Final = "firecrawl"
_VARIABLES: Final = AccessVariables("FIRECRAWL_API_KEY", "FIRECRAWL_API_URL")
MAX_PAGE_CHARS: Final = 20_000
_MAX_URL_CHARS: Final = 2_000
# It stands in prompts and documents, where what follows a line break would be somebody else's word.
_WEB_URL: Final = re.compile(r"https?://[^\s/]\S*")
_MAX_TITLE_CHARS: Final = 300
_MAX_DESCRIPTION_CHARS: Final = 1_000
_CREDITS_PER_TEN_RESULTS: Final = 2
_MOST_CREDITS_PER_PAGE: Final = 5
"""A page that the plain way does not reach is fetched in a dearer one."""

_NOT_THE_PAGES: Final = frozenset({401, 402, 408, 409, 425, 429})
"""A key, credits, a limit: of 400 to 499, what is no word about the page."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page that a search found, in what the search says of it."""

    url: str
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class _Priced(Generic[T]):
    """What an answer holds for the caller, and the credits that it states; None where it states none."""

    value: T
    credits_used: float | None


class PageRefusedError(ProviderError):
    """FireCrawl is well, but does not read this page: it is gone, or of a site that it leaves alone."""


def falls_back_on(error: BaseException) -> bool:
    """As any dependency, and where a page is refused: that is the page's fault."""
    return isinstance(error, PageRefusedError) or is_replaceable(error)


class FireCrawl:
    """One client for the process; `close` it in the loop that used it."""

    def __init__(self, access: ServiceAccess, dependency: Dependency, prices: Prices) -> None:
        self.dependency = dependency
        self._prices = prices
        self._client = AsyncFirecrawlClient(
            access.api_key,
            access.base_url,
            # The guard has the time limit and decides about retries.
            timeout=None,
            max_retries=0,
        )
        bound_answers(self._client.async_http_client._client)  # noqa: SLF001
        _listen_to_credits(self._client.async_http_client)

    async def search(
        self, query: str, *, limit: int, fallback: Fallback[F]
    ) -> Answer[tuple[SearchResult, ...] | F]:
        """At most `limit` web pages, the best first, without those whose address is no http or https URL.

        Raises:
            BreakerOpenError: refused; nothing was sent. RejectedError: likewise.
            ProviderError: no answer, and the fallback has none either.
        """

        async def send() -> tuple[SearchResult, ...]:
            found = await self._client.search(query, limit=limit)
            return tuple(_results(found.web))[:limit]

        credits_at_most = -(-limit // 10) * _CREDITS_PER_TEN_RESULTS
        return await self._call(send, fallback, operation="search", credits_at_most=credits_at_most)

    async def scrape(self, url: str, *, fallback: Fallback[F]) -> Answer[str | F]:
        """The page as Markdown, its first `MAX_PAGE_CHARS` characters; empty where it has no text.

        The fallback stands in for a page that FireCrawl refuses, too.

        Raises:
            As `search`.
        """

        async def send() -> str:
            page = await self._scrape(url)
            markdown = page.markdown
            return markdown[:MAX_PAGE_CHARS] if isinstance(markdown, str) else ""

        return await self._call(send, fallback, operation="scrape", credits_at_most=_MOST_CREDITS_PER_PAGE)

    async def close(self) -> None:
        await self._client.async_http_client.close()

    async def _scrape(self, url: str) -> Document:
        try:
            return await self._client.scrape(url, formats=["markdown"], auto_resume=False)
        except FirecrawlError as error:
            status = error.status_code
            if status is None or not 400 <= status < 500 or status in _NOT_THE_PAGES:
                raise
            raise PageRefusedError(NAME, f"status {status}", status) from None

    async def _call(
        self, send: Callable[[], Awaitable[T]], fallback: Fallback[F], *, operation: str, credits_at_most: int
    ) -> Answer[T | F]:
        answer = await answered(
            self.dependency,
            lambda: self.dependency.call(
                lambda: _answered_with_credits(send),
                price=lambda priced: self._prices.of_credits(priced.credits_used, operation=operation),
                fallback=fallback,
                operation=operation,
                max_usd=self._prices.of_credits(credits_at_most, operation=operation).usd,
            ),
        )
        if isinstance(answer.value, _Priced):
            return Answer(answer.value.value)
        return Answer(answer.value, answer.fallback, answer.error)


async def _answered_with_credits(send: Callable[[], Awaitable[T]]) -> _Priced[T]:
    stated: list[float | None] = []
    token = _stated.set(stated)
    try:
        value = await _as_promised(send)
    except FirecrawlError as error:
        status = error.status_code
        if status is None or status < 400:
            raise ProviderError(NAME, "the answer says that it failed") from None
        headers = getattr(error.response, "headers", None)
        raise ProviderError(NAME, _VARIABLES.reason(status), status, headers) from None
    except PageRefusedError:
        raise
    except httpx.HTTPError as error:
        raise ProviderError(NAME, f"no connection ({type(error).__name__})") from None
    except UnicodeEncodeError:
        raise  # of our own request, which was not sent
    except Exception as error:  # noqa: BLE001  (the SDK takes any answer for one of the right shape)
        raise ProviderError(NAME, f"the answer cannot be read ({type(error).__name__})") from None
    finally:
        _stated.reset(token)
    return _Priced(value, stated[-1] if stated else None)


async def _as_promised(send: Callable[[], Awaitable[T]]) -> T:
    """An answer that the SDK stumbles over came, and may have been paid for: that is no mistake of ours."""
    try:
        return await send()
    except (TypeError, AttributeError) as error:
        raise ValueError(type(error).__name__) from None


_stated: ContextVar[list[float | None] | None] = ContextVar("firecrawl_credits", default=None)


def _listen_to_credits(http_client: Any) -> None:  # noqa: ANN401
    """The SDK leaves out of a search's result what it cost; so its HTTP layer is listened to."""
    post = http_client.post

    async def listened_to(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        response = await post(*args, **kwargs)
        stated = _stated.get()
        if stated is not None and response.status_code == 200:
            body = response.json()
            stated.append(credits_stated(body) if isinstance(body, Mapping) else None)
            # The SDK's turn: a long page need not be parsed again.
            response.json = lambda: body
        return response

    http_client.post = listened_to


def _is_web_url(text: str) -> bool:
    return len(text) <= _MAX_URL_CHARS and text.isprintable() and _WEB_URL.fullmatch(text) is not None


def _results(found: Any) -> list[SearchResult]:  # noqa: ANN401
    results = []
    for page in found or ():
        url, title, description = (getattr(page, name, None) for name in ("url", "title", "description"))
        if isinstance(url, str) and _is_web_url(url):
            results.append(
                SearchResult(
                    url,
                    title[:_MAX_TITLE_CHARS] if isinstance(title, str) else "",
                    description[:_MAX_DESCRIPTION_CHARS] if isinstance(description, str) else "",
                )
            )
    return results
