"""Kind `pdf`: Gotenberg's health and, if wished, a page that it renders."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import ClassVar, Final, Literal

from pydantic import Field, SecretStr

from sidecar.probes.exchange import Request, exchange
from sidecar.probes.exchange.options import RouteOptions, Routes
from sidecar.probes.json_body import json_object, object_in
from sidecar.probes.pdf_pages import count_pages
from sidecar.probes.probe import Probe, ProbeOptions
from sidecar.probes.provider_api import BaseUrl, below, judge_status
from sidecar.probes.result import Findings, ProbeFailure, Reason

_ENGINES: Final = ("chromium", "libreoffice")
_UP: Final = "up"
_BOUNDARY: Final = "pipeline-sidecar"
_FORM: Final = (
    f"--{_BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="files"; filename="index.html"\r\n'
    "Content-Type: text/html\r\n\r\n"
    "<!DOCTYPE html><title>Probe</title><p>This page shows that pages can be rendered.</p>\r\n"
    f"--{_BOUNDARY}--\r\n"
).encode()


class PdfOptions(RouteOptions):
    kind: Literal["pdf"] = "pdf"
    url: BaseUrl = Field(description="Base URL of Gotenberg.")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Sent along; values are secret.")
    render: bool = Field(
        default=False, description="Also render a page in each run and look whether it is a PDF of one page."
    )


class PdfProbe(Probe[PdfOptions]):
    kind: ClassVar[str] = "pdf"
    options_type: ClassVar[type[ProbeOptions]] = PdfOptions

    def __init__(self, dependency: str, options: PdfOptions) -> None:
        super().__init__(dependency, options)
        self._routes = Routes(options, is_https=options.url.scheme == "https")

    async def check(self, findings: Findings) -> None:
        """Ask for the health, then have a page rendered.

        Raises:
            ProbeFailure: as `judge_status`, and `status` when it says that it is not up; `body` for an
                answer that is not Gotenberg's, or no PDF of one page.
        """
        await self._check_health(findings)
        if self.options.render:
            await self._check_rendering(findings)

    async def _check_health(self, findings: Findings) -> None:
        request = Request(below(self.options.url, "/health"), headers=self._headers())
        answer = await exchange(request, self._routes.current(), findings)
        _note_engines(answer.body, findings)
        judge_status(answer.status)
        status = json_object(answer.body).get("status")
        if not isinstance(status, str):
            raise ProbeFailure(Reason.BODY, "the answer has no text `status`")
        if status != _UP:
            raise ProbeFailure(Reason.STATUS, "it says that it is not up")

    async def _check_rendering(self, findings: Findings) -> None:
        request = Request(
            below(self.options.url, "/forms/chromium/convert/html"),
            method="POST",
            headers={**self._headers(), "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"},
            body=_FORM,
        )
        answer = await exchange(request, self._routes.current(), findings)
        judge_status(answer.status)
        try:
            pages = count_pages(answer.body)
        except ValueError as error:
            raise ProbeFailure(Reason.BODY, f"not a PDF: {error}") from None
        findings.note(f"rendered {pages} pages, {len(answer.body)} bytes")
        if pages != 1:
            raise ProbeFailure(Reason.BODY, f"{pages} pages instead of 1")

    def _headers(self) -> Mapping[str, str]:
        return {name: value.get_secret_value() for name, value in self.options.headers.items()}


def _note_engines(body: bytes, findings: Findings) -> None:
    """Write down which engines are not up, where the answer tells: a refusal (503) does, too."""
    with contextlib.suppress(ProbeFailure):
        engines = object_in(json_object(body), "details")
        for engine in _ENGINES:
            state = engines.get(engine)
            if isinstance(state, dict) and state.get("status") != _UP:
                findings.note(f"{engine} is not up")
