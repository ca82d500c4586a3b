"""Panels that the demo cannot fill, each with what does."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web

from tests.e2e.conftest import Start
from tests.e2e.dashboards.asking import Asked, has_data, queries
from tests.e2e.dashboards.fast_prometheus import fast_prometheus
from tests.e2e.servers import Sidecar, wait_until

CERTIFICATES = ("pipeline-dependencies", "Certificates expire in")

CONFIG = """\
interval_seconds: 0.5
timeout_seconds: 0.4
dependencies:
  search: {{kind: http, url: "https://localhost:{port}/", ca_file: {ca_file}}}
"""


def of_panel(board: str, panel: str) -> list[Asked]:
    found = [asked for asked in queries() if (asked.board, asked.panel) == (board, panel)]
    assert found
    return found


async def test_a_service_behind_tls_fills_the_panel_of_certificates(
    start: Start, tmp_path: Path, aiohttp_server: Any
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    app = web.Application()
    app.router.add_get("/", _answer)
    server = await aiohttp_server(app, ssl=context)
    config = CONFIG.format(port=server.port, ca_file=tmp_path / "ca.pem")
    sidecar = await start(Sidecar(tmp_path / "sidecar", config))
    prometheus = await start(fast_prometheus(tmp_path / "prometheus", sidecar.port))

    async def has_filled() -> bool:
        return all([await has_data(prometheus, asked, 60) for asked in of_panel(*CERTIFICATES)])

    await wait_until(has_filled, "the panel of certificates has data")


async def _answer(_request: web.Request) -> web.Response:
    return web.Response(text="well")
