"""The MongoDB probe through motor, against a real server."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from sidecar.probes import MongodbOptions, MongodbProbe, ProbeResult, Reason
from sidecar.scheduler import Scheduler
from tests.e2e.conftest import Start
from tests.e2e.servers import MongoServer, free_port, mongodb_server

TIMEOUT_SECONDS = 1.0


async def probe_once(uri: str) -> ProbeResult:
    """One run, under the scheduler's deadline as in the sidecar."""
    return (await probe_again(MongodbProbe("mongodb", options(uri))))[0]


def options(uri: str) -> MongodbOptions:
    return MongodbOptions(uri=SecretStr(uri), timeout_seconds=TIMEOUT_SECONDS)


async def probe_again(probe: MongodbProbe, *, close: bool = True) -> list[ProbeResult]:
    results: list[ProbeResult] = []
    scheduler = Scheduler([probe], lambda _, result: results.append(result))
    await scheduler.run_once(probe)
    if close:
        await probe.close()
    return results


async def test_a_server_that_answers_is_up(mongodb: MongoServer) -> None:
    assert (await probe_once(mongodb.uri)).reason is None


async def test_nobody_listening_is_connect() -> None:
    assert (await probe_once(f"mongodb://127.0.0.1:{free_port()}/")).reason is Reason.CONNECT


async def test_a_name_that_does_not_resolve_is_dns() -> None:
    assert (await probe_once("mongodb://no-such-host.invalid/")).reason is Reason.DNS


async def test_a_wrong_password_is_auth(start: Start, tmp_path: Path) -> None:
    server = await start(mongodb_server()(tmp_path, username="sidecar", password="right"))
    assert (await probe_once(server.uri)).reason is None
    assert (await probe_once(server.uri_with("sidecar", "wrong"))).reason is Reason.AUTH


async def test_a_hung_server_is_timeout_within_the_probes_own(mongodb: MongoServer) -> None:
    await mongodb.stop_process()
    result = await probe_once(mongodb.uri)
    assert result.reason is Reason.TIMEOUT
    mongodb.continue_process()


async def test_a_server_that_hangs_and_comes_back_is_seen_by_the_same_client(mongodb: MongoServer) -> None:
    probe = MongodbProbe("mongodb", options(mongodb.uri))
    seen = await probe_again(probe, close=False)
    await mongodb.stop_process()
    seen += await probe_again(probe, close=False)
    mongodb.continue_process()
    seen += await probe_again(probe)
    assert [result.reason for result in seen] == [None, Reason.TIMEOUT, None]
