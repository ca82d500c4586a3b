"""Adoption in one line: `instrument(client, dependency)` guards every request of an SDK's client.

    stainless.py  what the OpenAI and Anthropic SDKs share: one funnel, `client.request`
    requests.py   what is to be sent: method, path, body
    bounds.py     what that costs at most
    answers.py    what came with status 200 and is no answer
    streams.py    a stream is one call until its end; its usage is read on the way
    openai.py     which OpenAI requests cost money, and what
    anthropic.py  likewise for Anthropic
    firecrawl.py  FireCrawl's own HTTP layer, and the ways out of its frozen v1 interface
    credits.py    FireCrawl's credits in USD
    charged_once.py   jobs whose cost is told again and again
    limit_headers.py  what the answers' headers say of rate limits
    mark.py           what is instrumented is not instrumented again

Only the client that is given is touched, and copies that it makes of itself; classes are not.
"""

from __future__ import annotations

from typing import TypeVar

from pipeline.dependency import Dependency
from pipeline.instrument.mark import is_marked
from pipeline.prices import Prices

Client = TypeVar("Client")


_LISTED_PRICES = Prices()


def instrument(
    client: Client,
    dependency: Dependency,
    *,
    usd_per_credit: float | None = None,
    prices: Prices = _LISTED_PRICES,
) -> Client:
    """Guard every request of this client from now on, sync or async, streamed or not.

    The SDK's own retries are switched off, as they would go past the breaker unseen: give the dependency
    `retries=` instead. `usd_per_credit` is what your FireCrawl plan charges; without it, a credit costs
    what it does in the dearest plan. `prices` are the listed ones, unless you have some of your own.
    With a budget, each request holds the most that it can cost.

    Returns:
        The same client.

    Raises:
        TypeError: not a client of the OpenAI, Anthropic or FireCrawl SDK.
        ValueError: it is instrumented already, or a copy or a part of one that is.
    """
    if is_marked(client):
        raise ValueError(f"this {type(client).__name__} is instrumented already")
    sdks = {base.__module__.partition(".")[0] for base in type(client).__mro__}
    if "openai" in sdks:
        from pipeline.instrument import openai

        openai.install(client, dependency, prices)
    elif "anthropic" in sdks:
        from pipeline.instrument import anthropic

        anthropic.install(client, dependency, prices)
    elif "firecrawl" in sdks:
        from pipeline.instrument import firecrawl

        own = prices.overrides.firecrawl_usd_per_credit
        firecrawl.install(client, dependency, own if usd_per_credit is None else usd_per_credit)
    else:
        raise TypeError(
            f"{type(client).__qualname__} is not a client of openai, anthropic or firecrawl;"
            " guard its calls by dependency.call"
        )
    return client
