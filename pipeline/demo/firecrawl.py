"""FireCrawl v2: search, scrape, and the team's credits, which go down with each call."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from aiohttp import web

from pipeline.demo.bodies import optional_count, read_json_object, required_text
from pipeline.demo.stand_in import RefusedError, StandIn, missing_bearer_token

if TYPE_CHECKING:
    from collections.abc import Mapping

# A demo of a day uses a fraction of them.
PLAN_CREDITS = 100_000
SEARCH_CREDITS_PER_TEN_RESULTS = 2
SCRAPE_CREDITS_PER_PAGE = 1

_DEFAULT_LIMIT = 5
_MAX_LIMIT = 100
# What the stand-in's web has to say about anything: host, title, text. `.example` hosts never resolve.
_PAGES = (
    ("profile.example", "{topic}: profile", "{topic} serves customers in several regions and is hiring."),
    ("news.example", "{topic} in the news", "{topic} announced that it will modernise its core systems."),
    (
        "reviews.example",
        "Working at {topic}",
        "Employees of {topic} praise the team and mention manual work.",
    ),
    ("blog.example", "{topic}: engineering notes", "How {topic} moved its first service to a new platform."),
    (
        "reports.example",
        "{topic}: annual report",
        "{topic} grew last year; cost per order is its main concern.",
    ),
)
_PROFILES = (
    ("Head of Operations", "Leads operations at {topic} and hires for the team."),
    ("Talent Partner", "Recruits for {topic}: engineering, data and operations."),
)
_GIVEN_NAMES = ("Ines", "Jonas", "Lena", "Marek", "Noor", "Sofia", "Tomas", "Yara")
_FAMILY_NAMES = ("Aldersen", "Brandt", "Castell", "Dijkman", "Ferreira", "Holm", "Keller", "Novak")
_ABOUT_PEOPLE = re.compile(r"\b(?:hiring manager|recruiter)\b", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"]+)"')


def _profiles(topic: str) -> tuple[tuple[str, str, str], ...]:
    """Pages of people whom nobody has met: the same for the same topic, others for another."""
    digest = sha256(topic.casefold().encode()).digest()
    names = (
        f"{_GIVEN_NAMES[digest[place] % 8]} {_FAMILY_NAMES[digest[place + 8] % 8]}"
        for place in range(len(_PROFILES))
    )
    return tuple(
        (f"people-{place}.example", f"{name} - {role} - {{topic}}", text)
        for place, (name, (role, text)) in enumerate(zip(names, _PROFILES, strict=True), start=1)
    )


class Credits:
    """What is left of the plan."""

    def __init__(self) -> None:
        self.remaining = PLAN_CREDITS

    def spend(self, credits_used: int) -> None:
        """Take credits.

        Raises:
            RefusedError: 402, and nothing is taken, where they do not suffice.
        """
        if credits_used > self.remaining:
            raise RefusedError(402, f"insufficient credits: {credits_used} needed, {self.remaining} left")
        self.remaining -= credits_used


CREDITS = web.AppKey("credits", Credits)


def _error(status: int, message: str) -> web.Response:
    body: dict[str, object] = {"success": False, "error": message}
    if status == 400:
        body["code"] = "BAD_REQUEST"
    return web.json_response(body, status=status)


def _formats(options: Mapping[str, object]) -> set[str]:
    """The names of the formats asked for: each a text or an object with a `type`."""
    formats = options.get("formats", ["markdown"])
    if not isinstance(formats, list):
        raise RefusedError(400, "formats: a list is required")
    names = (entry.get("type") if isinstance(entry, dict) else entry for entry in formats)
    return {name for name in names if isinstance(name, str)}


def _page(url: str, *, title: str, text: str, formats: set[str]) -> dict[str, object]:
    contents = {
        "markdown": f"# {title}\n\n{text}\n",
        "html": f"<h1>{title}</h1><p>{text}</p>",
        "links": [url],
        "summary": text,
    }
    return {name: content for name, content in contents.items() if name in formats} | {
        "metadata": {
            "title": title,
            "description": text,
            "language": "en",
            "sourceURL": url,
            "url": url,
            "statusCode": 200,
            "contentType": "text/html; charset=utf-8",
            "proxyUsed": "basic",
            "cacheState": "miss",
            "creditsUsed": SCRAPE_CREDITS_PER_PAGE,
        }
    }


async def _search(request: web.Request) -> web.Response:
    body = await read_json_object(request)
    query = " ".join(required_text(body, "query").split())
    quoted = _QUOTED.search(query)
    topic = query if quoted is None else quoted[1]
    limit = optional_count(body, "limit", highest=_MAX_LIMIT)
    pages = (_profiles(topic) + _PAGES if _ABOUT_PEOPLE.search(query) else _PAGES)[
        : _DEFAULT_LIMIT if limit is None else limit
    ]
    options = body.get("scrapeOptions")
    formats = _formats(options) if isinstance(options, dict) else set()
    results = []
    for position, (host, title, text) in enumerate(pages, start=1):
        url = f"https://{host}/{_slug(topic)}"
        shown = {"title": title.format(topic=topic), "description": text.format(topic=topic)}
        result: dict[str, object] = {"url": url, **shown, "position": position}
        if formats:
            result |= _page(url, title=shown["title"], text=shown["description"], formats=formats)
        results.append(result)
    tens = -(-len(results) // 10)
    credits_used = tens * SEARCH_CREDITS_PER_TEN_RESULTS
    if formats:
        credits_used += len(results) * SCRAPE_CREDITS_PER_PAGE
    request.app[CREDITS].spend(credits_used)
    return web.json_response(
        {"success": True, "data": {"web": results}, "creditsUsed": credits_used, "id": str(uuid4())}
    )


async def _scrape(request: web.Request) -> web.Response:
    body = await read_json_object(request)
    url = required_text(body, "url")
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise RefusedError(400, "url: an http or https URL is required")
    formats = _formats(body)
    request.app[CREDITS].spend(SCRAPE_CREDITS_PER_PAGE)
    text = f"The page {parts.path or '/'} of {parts.netloc}, as the stand-in imagines it."
    return web.json_response(
        {"success": True, "data": _page(url, title=parts.netloc, text=text, formats=formats)}
    )


def _slug(topic: str) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in topic.lower()).split()
    return "-".join(words[:8])


async def _credit_usage(request: web.Request) -> web.Response:
    start = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (start + timedelta(days=31)).replace(day=1)
    return web.json_response(
        {
            "success": True,
            "data": {
                "remainingCredits": request.app[CREDITS].remaining,
                "planCredits": PLAN_CREDITS,
                "billingPeriodStart": f"{start:%Y-%m-%dT%H:%M:%SZ}",
                "billingPeriodEnd": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            },
        }
    )


def _install(app: web.Application) -> None:
    app[CREDITS] = Credits()
    app.router.add_post("/v2/search", _search)
    app.router.add_post("/v2/scrape", _scrape)
    app.router.add_get("/v2/team/credit-usage", _credit_usage)


FIRECRAWL = StandIn(name="firecrawl", install=_install, error=_error, missing_credential=missing_bearer_token)
