"""A real VictoriaMetrics, and what evaluates rules on what it has."""

from pathlib import Path

import aiohttp

from tests.e2e.servers.process import Server, find_program
from tests.e2e.servers.prometheus import Prometheus


class VictoriaMetrics(Prometheus):
    """It answers Prometheus' queries, and takes what agents write to `/api/v1/write`."""

    name = "victoria-metrics"

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        super().__init__(directory / "no-config", directory, port=port)

    def command(self) -> list[str]:
        return [
            find_program("victoria-metrics", "victoria-metrics-prod"),
            f"-storageDataPath={self.data_directory}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            # By default answers leave out the last half minute, in which an agent may still be sending.
            "-search.latencyOffset=0s",
            "-search.disableCache",
        ]


class Vmalert(Server):
    """Evaluates a file of rules every second and tells an Alertmanager."""

    name = "vmalert"

    def __init__(
        self, directory: Path, *, rules: Path, datasource_url: str, notifier_url: str, port: int | None = None
    ) -> None:
        super().__init__(directory, port=port)
        self._rules = rules
        self._datasource_url = datasource_url
        self._notifier_url = notifier_url

    def command(self) -> list[str]:
        return [
            find_program("vmalert", "vmalert-prod"),
            f"-rule={self._rules}",
            f"-datasource.url={self._datasource_url}",
            f"-notifier.url={self._notifier_url}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            "-evaluationInterval=1s",
        ]

    async def is_ready(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.port}/health") as response,
            ):
                return response.status == 200
        except aiohttp.ClientError:
            return False
