"""The servers that the end-to-end tests rely on do what those tests take for granted."""

import asyncio
import json
from pathlib import Path

import pytest
from pymongo.errors import NetworkTimeout, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from tests.e2e.conftest import Connect, Start
from tests.e2e.servers import (
    MongoServer,
    Prometheus,
    Server,
    ServerError,
    free_port,
    mongodb_server,
    wait_until,
)

AUTHENTICATION_FAILED = 18
UNAUTHORIZED = 13


class Shell(Server):
    name = "shell"

    def __init__(self, directory: Path, script: str) -> None:
        super().__init__(directory)
        self.script = script

    def command(self) -> list[str]:
        return ["sh", "-c", self.script]

    async def is_ready(self) -> bool:
        return "ready" in self.output_tail()


async def test_a_server_that_ends_at_start_is_an_error_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"shell ended with status 3\nno such flag"):
        await Shell(tmp_path, "echo no such flag; exit 3").start()


async def test_a_server_that_ignores_sigterm_and_its_children_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.e2e.servers.process.STOP_TIMEOUT_SECONDS", 0.2)
    pid_file = tmp_path / "pid"
    async with Shell(tmp_path, f"trap '' TERM; sleep 600 & echo $! >{pid_file}; echo ready; wait"):
        child = Path("/proc") / pid_file.read_text().strip()
        assert child.exists()

    async def child_is_gone() -> bool:
        return not child.exists() or "\nState:\tZ" in (child / "status").read_text()

    await wait_until(child_is_gone, "the child is gone")


async def test_prometheus_scrapes_itself(start: Start, tmp_path: Path) -> None:
    port = free_port()
    config_file = tmp_path / "prometheus.yml"
    # JSON is YAML.
    config_file.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "100ms", "scrape_timeout": "100ms"},
                "scrape_configs": [
                    {"job_name": "self", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
                ],
            }
        )
    )
    prometheus = await start(Prometheus(config_file, tmp_path / "prometheus", port=port))

    await prometheus.wait_for_value('up{job="self"}', 1)

    (target,) = await prometheus.targets()
    assert target["labels"] == {"instance": f"127.0.0.1:{port}", "job": "self"}
    assert target["health"] == "up"
    with pytest.raises(ServerError, match=r"bad_data.*parse error"):
        await prometheus.query("rate(up")


async def test_mongodb_answers_ping(mongodb: MongoServer, connect: Connect) -> None:
    reply = await connect(mongodb.uri).admin.command("ping")

    assert reply["ok"] == 1


async def test_mongodb_refuses_a_wrong_password(start: Start, connect: Connect, tmp_path: Path) -> None:
    mongodb = await start(mongodb_server()(tmp_path / "mongodb", username="ledger", password="p@ss/word"))

    await connect(mongodb.uri).test.things.insert_one({"_id": 1})

    with pytest.raises(OperationFailure) as wrong:
        await connect(mongodb.uri_with("ledger", "guess")).admin.command("ping")
    assert wrong.value.code == AUTHENTICATION_FAILED
    with pytest.raises(OperationFailure) as without:
        await connect(mongodb.uri_without_password).test.things.insert_one({"_id": 2})
    assert without.value.code == UNAUTHORIZED


async def test_a_stopped_mongodb_lets_pings_time_out_until_it_continues(
    mongodb: MongoServer, connect: Connect
) -> None:
    connected = connect(mongodb.uri, socketTimeoutMS=500, retryReads=False)
    await connected.admin.command("ping")

    await mongodb.stop_process()
    with pytest.raises(NetworkTimeout):
        await connected.admin.command("ping")
    with pytest.raises(ServerSelectionTimeoutError):
        await connect(mongodb.uri, serverSelectionTimeoutMS=500).admin.command("ping")

    mongodb.continue_process()

    async def answers() -> bool:
        try:
            await connected.admin.command("ping")
        except PyMongoError:
            return False
        return True

    await wait_until(answers, "ping after SIGCONT")


@pytest.mark.parametrize(("username", "password"), [(None, None), ("ledger", "secret")])
async def test_a_killed_mongodb_comes_back_with_its_data(
    start: Start, connect: Connect, tmp_path: Path, username: str | None, password: str | None
) -> None:
    mongodb = await start(mongodb_server()(tmp_path / "mongodb", username=username, password=password))
    client = connect(mongodb.uri)
    await client.test.things.insert_one({"_id": 1})

    await mongodb.kill()
    await mongodb.start()

    assert await client.test.things.find_one() == {"_id": 1}


@pytest.mark.parametrize("operation", ["find_one_and_update", "update_one"])
async def test_concurrent_conditional_increments_stop_at_the_limit(
    mongodb: MongoServer, connect: Connect, operation: str
) -> None:
    limit = 40
    ledgers = [connect(mongodb.uri).test.ledger for _ in range(4)]
    await ledgers[0].insert_one({"_id": "day", "used": 0})

    await asyncio.gather(
        *(
            getattr(ledger, operation)({"_id": "day", "used": {"$lt": limit}}, {"$inc": {"used": 1}})
            for ledger in ledgers
            for _ in range(limit // 2)
        )
    )

    assert await ledgers[0].find_one() == {"_id": "day", "used": limit}
