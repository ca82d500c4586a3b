"""A real Alertmanager."""

from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.servers.process import Server, find_program

CONFIG = """\
route:
  receiver: nobody
  group_wait: 0s
receivers:
  - name: nobody
"""


class Alertmanager(Server):
    """Alone, without a cluster; it tells nobody: the tests ask its API."""

    name = "alertmanager"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        program = find_program("prometheus-alertmanager", "alertmanager")
        self.directory.mkdir(parents=True, exist_ok=True)
        config: Path = self.directory / "alertmanager.yml"
        config.write_text(CONFIG)
        return [
            program,
            f"--config.file={config}",
            f"--storage.path={self.data_directory}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]

    async def is_ready(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self.url}/-/ready") as response,
            ):
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def alerts(self, **labels: str) -> list[dict[str, Any]]:
        """The active alerts with these labels, as the API gives them: `labels`, `annotations`, `status`, …"""
        matchers = [("filter", f'{name}="{value}"') for name, value in labels.items()]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v2/alerts", params=[("active", "true"), *matchers]) as response,
        ):
            assert response.status == 200, await response.text()
            alerts: list[dict[str, Any]] = await response.json()
        return alerts
