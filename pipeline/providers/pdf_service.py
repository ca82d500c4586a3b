"""Gotenberg: HTML in, PDF out."""

from __future__ import annotations

from typing import Final, Self

import aiohttp

from pipeline.dependency import Dependency
from pipeline.prices import Charge
from pipeline.providers.error import ProviderError
from pipeline.providers.guarded import RETRIES, Guards, answered
from pipeline.settings import Settings

NAME: Final = "pdf_service"
MAX_PDF_BYTES: Final = 32 * 1024 * 1024
_PATH: Final = "/forms/chromium/convert/html"
_PDF_BEGINS_WITH: Final = b"%PDF-"
_PDF_ENDS_WITH: Final = b"%%EOF"
_END_BYTES: Final = 1024
"""Of a PDF, within which its end is marked; what comes after the mark is ignored."""

_CHUNK_BYTES: Final = 65_536


class PdfService:
    """One session for the process; `close` it in the loop that opened it."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        dependency: Dependency,
        *,
        url: str,
        price: Charge | None = None,
    ) -> None:
        """`price` is that of one PDF; None: one's own service costs nothing."""
        self._session = session
        self._price = price
        self.dependency = dependency
        self._url = url + _PATH

    @classmethod
    def open(cls, settings: Settings, guards: Guards) -> Self:
        session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            # The guard has the time limit.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        )
        price = settings.prices.of_pdf()
        dependency = guards.guarded(NAME, paid=price is not None, retries=RETRIES)
        return cls(session, dependency, url=settings.pdf_service_url, price=price)

    async def render(self, html: str) -> bytes:
        """The HTML as a PDF of at most `MAX_PDF_BYTES`.

        Raises:
            BreakerOpenError: refused; nothing was sent.
            ProviderError: no answer, or one that is no PDF.
        """
        return await answered(
            self.dependency,
            lambda: self.dependency.call(
                lambda: self._convert(html),
                price=lambda _: self._price,
                operation="convert",
                max_usd=0.0 if self._price is None else self._price.usd,
            ),
        )

    async def close(self) -> None:
        await self._session.close()

    async def _convert(self, html: str) -> bytes:
        form = aiohttp.FormData()
        form.add_field("files", html.encode(), filename="index.html", content_type="text/html")
        try:
            async with self._session.post(self._url, data=form, allow_redirects=False) as response:
                if response.status != 200:
                    reason = f"status {response.status}"
                    if response.status == 404:
                        reason += ": nothing is found there; check PDF_SERVICE_URL"
                    raise ProviderError(NAME, reason, response.status, response.headers)
                return await _read_pdf(response)
        except aiohttp.ClientConnectionError as error:
            raise ProviderError(NAME, f"no connection ({type(error).__name__})") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise ProviderError(NAME, f"the answer cannot be read ({type(error).__name__})") from None


async def _read_pdf(response: aiohttp.ClientResponse) -> bytes:
    pdf = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        pdf += chunk
        if len(pdf) > MAX_PDF_BYTES:
            raise ProviderError(NAME, f"the answer is longer than {MAX_PDF_BYTES} bytes")
    if not pdf.startswith(_PDF_BEGINS_WITH):
        raise ProviderError(NAME, "the answer is no PDF")
    if _PDF_ENDS_WITH not in pdf[-_END_BYTES:]:
        raise ProviderError(NAME, "the answer is a PDF without its end")
    return bytes(pdf)
