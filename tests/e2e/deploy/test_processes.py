"""What docker-compose.yml starts of ours, started without containers: same commands, same variables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.deploy.stack import Container, compose_containers
from tests.e2e.conftest import Start
from tests.e2e.servers import StandIn, wait_until
from tests.e2e.servers.ours import CLEAN_ENVIRONMENT, Sidecar

CONTAINERS = {container.where.rpartition(" ")[2]: container for container in compose_containers()}


class Started(Sidecar):
    """A container's command, with its paths and its neighbours where they are on this machine."""

    def __init__(self, container: Container, directory: Path, neighbours: Mapping[str, str]) -> None:
        super().__init__(directory, "")
        self._container = container
        self._neighbours = neighbours

    def command(self) -> list[str]:
        return [sys.executable, "-m", *(self._here(word) for word in self._container.argv)]

    def environment(self) -> dict[str, str]:
        own = self._container.environment | {"SIDECAR_LISTEN": f"127.0.0.1:{self.port}"}
        # MongoDB has a password and is not started here.
        return CLEAN_ENVIRONMENT | {
            name: self._here(value) for name, value in own.items() if name not in {"PATH", "MONGODB_URI_FILE"}
        }

    def _here(self, value: str) -> str:
        for there, here in self._neighbours.items():
            value = value.replace(there, here)
        if not value.startswith("/"):
            return value
        found = self._container.on_this_machine(value)
        return str(found if isinstance(found, Path) else self.directory.parent / found)


class StartedWorker(Started):
    name = "worker"

    async def is_ready(self) -> bool:
        return True  # It serves nothing to ask.


async def test_the_worker_does_its_jobs_and_the_sidecar_shows_it(start: Start, tmp_path: Path) -> None:
    neighbours = {}
    for name, provider in (("openrouter", None), ("firecrawl", None), ("gotenberg", "pdf_service")):
        stand_in = await start(StandIn(tmp_path / name, provider or name))
        port = 8080 if provider is None else 3000
        neighbours[f"http://{name}:{port}"] = stand_in.url
    sidecar = await start(Started(CONTAINERS["sidecar"], tmp_path / "sidecar", neighbours))
    worker = await start(StartedWorker(CONTAINERS["worker"], tmp_path / "worker", neighbours))

    async def jobs_are_done() -> bool:
        _, document = await sidecar.document()
        jobs = document["pipeline"]["jobs"]
        assert jobs["failed"] == 0, worker.output_tail()
        return bool(jobs["succeeded"] + jobs["degraded"] >= 3)

    await wait_until(jobs_are_done, "the postings have become dossiers")
    _, document = await sidecar.document()
    assert document["pipeline"]["cost_usd"] > 0
    assert document["budget"]["limit_usd"] == 20
    probed = {
        name: row["status"] for name, row in document["dependencies"].items() if row["kind"] is not None
    }
    assert probed == dict.fromkeys(("firecrawl", "openrouter", "pdf_service"), "up")
    _, metrics = await sidecar.get("/metrics")
    # Budget and quota are kept in the spool as well, and are nothing to stumble over.
    assert "sidecar_spool_unreadable_files 0.0\n" in metrics
