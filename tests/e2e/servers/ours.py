"""This project's own commands, each in a process as a user starts it."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.servers.process import Server, listens, wait_until

CLEAN_ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
"""What a process of ours is given beside its own variables: no key or URL of whoever runs the tests."""


class Sidecar(Server):
    """`sidecar run` with a configuration file."""

    name = "sidecar"

    def __init__(
        self,
        directory: Path,
        config: str,
        *,
        variables: Mapping[str, str] | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(directory, port=port)
        self._config = config
        self._variables = variables or {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / "sidecar.yml"
        file.write_text(self._config)
        return [
            sys.executable,
            "-m",
            "sidecar",
            "run",
            "--config",
            str(file),
            "--listen",
            f"127.0.0.1:{self.port}",
        ]

    def environment(self) -> dict[str, str]:
        return {**CLEAN_ENVIRONMENT, **self._variables}

    async def is_ready(self) -> bool:
        try:
            return (await self.get("/readyz"))[0] == 200
        except aiohttp.ClientError:
            return False

    async def get(self, path: str) -> tuple[int, str]:
        """Status code and body of a GET."""
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def document(self) -> tuple[int, Any]:
        """Status code and content of the health document."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/health/status") as answer,
        ):
            return answer.status, await answer.json()

    async def wait_for(self, dependency: str, status: str, *, timeout_seconds: float) -> tuple[int, Any]:
        """The status code and document in which the dependency has this status.

        Raises:
            TimeoutError: it has not in time.
        """
        seen: list[tuple[int, Any]] = []

        async def has_status() -> bool:
            seen[:] = [await self.document()]
            return bool(seen[0][1]["dependencies"][dependency]["status"] == status)

        await wait_until(has_status, f"{dependency} is {status}", timeout_seconds=timeout_seconds)
        return seen[0]


class StandIn(Server):
    """A stand-in provider, by name."""

    def __init__(self, directory: Path, provider: str, *, port: int | None = None) -> None:
        super().__init__(directory, port=port)
        self.provider = provider

    name = "stand-in"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [sys.executable, "-m", "pipeline.demo", self.provider, "--listen", f"127.0.0.1:{self.port}"]

    def environment(self) -> dict[str, str]:
        return CLEAN_ENVIRONMENT

    async def is_ready(self) -> bool:
        return await listens(self.port)

    async def misbehave(self, **fault: Any) -> None:
        """Tell it to; `mode="none"` ends it."""
        async with (
            aiohttp.ClientSession() as session,
            session.put(f"{self.url}/_fault", json=fault) as answer,
        ):
            assert answer.status == 200, await answer.text()


class Demo(Sidecar):
    """`sidecar demo`."""

    name = "demo"

    def __init__(
        self, directory: Path, *, variables: Mapping[str, str] | None = None, port: int | None = None
    ) -> None:
        super().__init__(directory, "", variables=variables, port=port)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "sidecar", "demo", "--listen", f"127.0.0.1:{self.port}"]

    def child_pids(self) -> dict[str, int]:
        """The pids that the demo told, by name."""
        return {
            name: int(pid)
            for name, pid in re.findall(r"^  (\w+) .*, pid (\d+)$", self.output(), re.MULTILINE)
        }
