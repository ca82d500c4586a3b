"""A real Prometheus."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.servers.process import START_TIMEOUT_SECONDS, Server, ServerError, find_program, wait_until


@dataclass(frozen=True)
class Sample:
    """One element of an instant vector."""

    labels: dict[str, str]
    value: float


class Prometheus(Server):
    name = "prometheus"

    def __init__(self, config_file: Path, storage_directory: Path, *, port: int | None = None) -> None:
        super().__init__(storage_directory, port=port)
        self.config_file = config_file

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [
            find_program("prometheus"),
            f"--config.file={self.config_file}",
            f"--storage.tsdb.path={self.data_directory}",
            f"--web.listen-address=127.0.0.1:{self.port}",
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

    async def api(self, path: str, **parameters: str) -> Any:
        """The `data` of a GET of `/api/v1/…`: `await prometheus.api("rules", type="alert")`.

        Raises:
            ServerError: Prometheus refused, for example PromQL it can't parse; with the error it gave.
        """
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/{path}", params=parameters) as response,
        ):
            document = await response.json()
        if document["status"] != "success":
            raise ServerError(f"{path} {parameters}: {document['errorType']}: {document['error']}")
        return document["data"]

    async def query(self, expression: str) -> list[Sample]:
        """An instant query now; a scalar is one sample without labels."""
        data = await self.api("query", query=expression)
        if data["resultType"] == "scalar":
            return [Sample(labels={}, value=float(data["result"][1]))]
        return [Sample(labels=row["metric"], value=float(row["value"][1])) for row in data["result"]]

    async def value(self, expression: str) -> float:
        """The value of the query's only sample; NaN when there is none, as long as nothing was scraped.

        Raises:
            ValueError: there is more than one.
        """
        samples = await self.query(expression)
        if len(samples) > 1:
            raise ValueError(f"{expression} has {len(samples)} samples: {samples}")
        return samples[0].value if samples else math.nan

    async def wait_for_value(
        self, expression: str, value: float, *, timeout_seconds: float = START_TIMEOUT_SECONDS
    ) -> None:
        """Until the query's only sample is `value`.

        Raises:
            TimeoutError: it is not in time.
        """

        async def has_value() -> bool:
            return await self.value(expression) == value

        await wait_until(has_value, f"{expression} == {value}", timeout_seconds=timeout_seconds)

    async def targets(self) -> list[dict[str, Any]]:
        """The active targets as the HTTP API gives them: `labels`, `health`, `lastError`, `scrapeUrl`, …"""
        targets: list[dict[str, Any]] = (await self.api("targets", state="active"))["activeTargets"]
        return targets


class Agent(Prometheus):
    """Prometheus in agent mode: it scrapes, sends on and answers no query."""

    name = "agent"

    def command(self) -> list[str]:
        return [
            find_program("prometheus"),
            "--enable-feature=agent",
            f"--config.file={self.config_file}",
            f"--storage.agent.path={self.data_directory}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
