"""The MongoDB probe through motor, against a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from sidecar.probes import MongodbOptions, MongodbProbe, ProbeResult, Reason
from tests.e2e.conftest import Start
from tests.e2e.servers import MongoServer, free_port, mongodb_server


async def probe_once(uri: str, **options: Any) -> ProbeResult:
    """One run, within its timeout as in the sidecar."""
    probe = probe_of(uri, **options)
    try:
        return await probe.run()
    finally:
        await probe.close()


def probe_of(uri: str, **options: Any) -> MongodbProbe:
    return MongodbProbe("mongodb", MongodbOptions(uri=SecretStr(uri), timeout_seconds=1.0, **options))


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
    assert result.duration_seconds < 1.5
    mongodb.continue_process()


async def test_a_server_that_hangs_and_comes_back_is_seen_by_the_same_client(mongodb: MongoServer) -> None:
    probe = probe_of(mongodb.uri)
    seen = [await probe.run()]
    await mongodb.stop_process()
    seen += [await probe.run()]
    mongodb.continue_process()
    seen += [await probe.run()]
    await probe.close()
    assert [result.reason for result in seen] == [None, Reason.TIMEOUT, None]


async def test_a_server_in_no_replica_set_has_no_lag(mongodb: MongoServer) -> None:
    result = await probe_once(mongodb.uri, max_lag_seconds=1.0)
    assert result.success
    assert [event.text for event in result.trace] == ["answered ping"]
