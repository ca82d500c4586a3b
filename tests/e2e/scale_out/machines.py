"""One machine of several: a sidecar, its spool, workers, and an agent as deploy/prometheus/ has it."""

from __future__ import annotations

import re
import shlex
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.servers import Agent, Sidecar, VictoriaMetrics
from tests.e2e.servers.ours import CLEAN_ENVIRONMENT
from tests.e2e.servers.process import REPOSITORY

WORKER = """
import sys
from pipeline import Dependency, Meter
with_spool = Meter.spooling(sys.argv[1])
dependency = Dependency("openrouter", meter=with_spool)
for line in sys.stdin:
    for _ in range(int(line)):
        dependency.call_sync(lambda: None)
    print("counted", flush=True)
"""
"""Makes as many guarded calls as each line says."""


class Machine:
    """What runs on one; `agent_config` is written as its agent starts."""

    def __init__(self, name: str, directory: Path, *, port: int, peer_ports: tuple[int, ...] = ()) -> None:
        self.instance = f"{name}:9747"
        self.directory = directory / name
        self.spool = self.directory / "spool"
        peers = ", ".join(f"'127.0.0.1:{peer}'" for peer in peer_ports)
        self.sidecar = Sidecar(
            self.directory, f"spool: {self.spool}\ndiscovery: {{peers: [{peers}]}}\n", port=port
        )

    def agent(self, victoria_metrics: VictoriaMetrics) -> Agent:
        """With the configuration that is in the repository, but for the addresses and a faster pace."""
        file = self.directory / "agent.yml"
        file.write_text(
            written(
                "agent.yml",
                {
                    "http://127.0.0.1:9747/sd": f"{self.sidecar.url}/sd",
                    "- url: http://victoria-metrics:8428/api/v1/write": (
                        f"- url: {victoria_metrics.url}/api/v1/write\n"
                        "    queue_config: {batch_send_deadline: 200ms}"
                    ),
                    "replacement: host-1:9747": f"replacement: {self.instance}",
                    "scrape_interval: 15s": "scrape_interval: 1s",
                    "scrape_timeout: 10s": "scrape_timeout: 1s",
                },
            )
        )
        return Agent(file, self.directory / "agent")

    async def worker(self) -> Process:
        """A process that counts what it is told to; whoever starts it ends it."""
        self.spool.mkdir(exist_ok=True)
        return await create_subprocess_exec(
            sys.executable,
            *("-c", WORKER, str(self.spool)),
            env=CLEAN_ENVIRONMENT,
            cwd=REPOSITORY,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
        )


async def count(worker: Process, calls: int) -> None:
    """Return once the worker has made so many more calls."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(f"{calls}\n".encode())
    await worker.stdin.drain()
    assert await worker.stdout.readline() == b"counted\n"


def documented_flags(program: str, changes: Mapping[str, str]) -> list[str]:
    """With what docs/scaling-out.md starts the program, these texts replaced, each of which is in there."""
    page = (REPOSITORY / "docs" / "scaling-out.md").read_text()
    (command,) = re.findall(rf"^\$ {program} (.+)$", page, re.MULTILINE)
    for old, new in changes.items():
        assert old in command, old
        command = command.replace(old, new)
    return shlex.split(command)


def written(name: str, changes: Mapping[str, str]) -> str:
    """A file of deploy/prometheus with these texts replaced, each of which is in it once."""
    text = (REPOSITORY / "deploy" / "prometheus" / name).read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
