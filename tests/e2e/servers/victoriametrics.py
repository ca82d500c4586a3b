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
    """Evaluates rules every second, started with these flags; which rules and servers is theirs to say."""

    name = "vmalert"

    def __init__(self, directory: Path, *flags: str, port: int | None = None) -> None:
        super().__init__(directory, port=port)
        self._flags = flags

    def command(self) -> list[str]:
        return [
            find_program("vmalert", "vmalert-prod"),
            *self._flags,
            f"-httpListenAddr=127.0.0.1:{self.port}",
            "-evaluationInterval=1s",
            # How old a value may be: by default five minutes, for which a test would have to wait.
            "-datasource.queryStep=5s",
            "-remoteWrite.flushInterval=200ms",
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
