from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from sidecar.probes import MongodbOptions, MongodbProbe, ProbeResult, Reason
from sidecar.probes.mongodb import selection_seconds
from tests.sidecar.probes.mongodb_server import UNAUTHORIZED, Answers, hello, member, mongodb_server
from tests.sidecar.probes.targets import saying, serving


@pytest.mark.parametrize("timeout_seconds", [1.0, 1.2, 2.0, 5.0, 7.3, 60.0])
def test_the_driver_gives_up_before_the_deadline(timeout_seconds: float) -> None:
    gives_up_at = math.ceil(selection_seconds(timeout_seconds) / 0.5) * 0.5
    assert timeout_seconds - 0.5 <= gives_up_at < timeout_seconds


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://localhost",
        "mongodb://localhost:27017/",
        "mongodb://a:1,b:2,c:3/db?replicaSet=rs0",
        "mongodb+srv://user:p%40ss@cluster.example.net/db?retryWrites=true",
        "mongodb://[::1]:27017",
    ],
)
def test_a_connection_string_is_taken(uri: str) -> None:
    assert MongodbOptions(uri=SecretStr(uri)).uri.get_secret_value() == uri


@pytest.mark.parametrize("uri", ["postgres://db", "mongodb://", "mongodb://me:s3cr3t@", "mongodb://a b"])
def test_what_is_no_connection_string_is_refused_without_showing_it(uri: str) -> None:
    with pytest.raises(ValidationError) as refused:
        MongodbOptions(uri=SecretStr(uri))
    assert "s3cr3t" not in str(refused.value)


@pytest.fixture
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver looks for a server more often than every half second, and gives up sooner."""
    monkeypatch.setattr("pymongo.common.MIN_HEARTBEAT_INTERVAL", 0.02)
    monkeypatch.setattr("sidecar.probes.mongodb._SELECTION_STEP_SECONDS", 0.2)


async def probe_once(uri: str, **options: Any) -> ProbeResult:
    options = {"uri": uri, "timeout_seconds": 0.4} | options
    probe = MongodbProbe("mongodb", MongodbOptions.model_validate(options))
    try:
        return await probe.run()
    finally:
        await probe.close()


def replica_set(port: int, *, lags_seconds: tuple[float, ...] = (), **more: Any) -> Answers:
    """A primary at that port, and what it knows of secondaries that are so far behind."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    members = [{"state": 1, "optimeDate": now}]
    members += [{"state": 2, "optimeDate": now - timedelta(seconds=lag)} for lag in lags_seconds]
    members += [{"state": 7}, {"state": 8, "optimeDate": datetime(1970, 1, 1, tzinfo=UTC)}]  # arbiter, down
    status = {"ok": 1.0, "set": "rs0", "members": members}
    return {"hello": member(port, primary=True), "replSetGetStatus": status} | more


async def test_a_server_that_is_in_no_replica_set_is_up() -> None:
    async with mongodb_server({"hello": hello()}) as port:
        result = await probe_once(f"mongodb://127.0.0.1:{port}", max_lag_seconds=1)
    assert result.success
    assert [event.text for event in result.trace] == ["answered ping"]


async def test_a_server_too_old_for_hello_is_asked_no_more() -> None:
    answers: Answers = {"hello": hello()}
    async with mongodb_server(answers) as port:
        probe = MongodbProbe("mongodb", MongodbOptions(uri=SecretStr(f"mongodb://127.0.0.1:{port}")))
        assert (await probe.run()).success
        answers["hello"] = {"ok": 0.0, "code": 59, "errmsg": "no such command: hello"}
        assert (await probe.run()).success
        await probe.close()


async def test_a_replica_set_with_a_primary_is_up() -> None:
    answers: Answers = {}
    async with mongodb_server(answers) as port:
        answers |= replica_set(port)
        assert (await probe_once(f"mongodb://127.0.0.1:{port}/?replicaSet=rs0")).success


@pytest.mark.parametrize(
    ("lags_seconds", "reason"), [((), None), ((0, 9), None), ((10,), None), ((0, 11, 3), Reason.STATUS)]
)
async def test_the_slowest_secondary_may_not_lag_too_far(
    lags_seconds: tuple[float, ...], reason: Reason | None
) -> None:
    answers: Answers = {}
    async with mongodb_server(answers) as port:
        answers |= replica_set(port, lags_seconds=lags_seconds)
        assert (await probe_once(f"mongodb://127.0.0.1:{port}", max_lag_seconds=10)).reason is reason


async def test_a_user_who_may_not_ask_for_the_lag_is_no_failure() -> None:
    answers: Answers = {}
    async with mongodb_server(answers) as port:
        answers |= replica_set(port, replSetGetStatus=UNAUTHORIZED)
        result = await probe_once(f"mongodb://127.0.0.1:{port}", max_lag_seconds=10)
    assert result.success
    assert result.trace[-1].text == "replication lag unknown: not allowed to ask"


@pytest.mark.parametrize("members", [None, "many", [], [None, 1, {}], [{"state": 1, "optimeDate": "now"}]])
async def test_a_status_in_another_form_is_an_unknown_lag(members: Any) -> None:
    answers: Answers = {}
    async with mongodb_server(answers) as port:
        answers |= replica_set(port, replSetGetStatus={"ok": 1.0, "members": members})
        assert (await probe_once(f"mongodb://127.0.0.1:{port}", max_lag_seconds=10)).success


async def test_a_command_that_is_refused_is_auth() -> None:
    async with mongodb_server({"hello": hello(), "ping": UNAUTHORIZED}) as port:
        assert (await probe_once(f"mongodb://127.0.0.1:{port}")).reason is Reason.AUTH


async def test_a_member_that_knows_no_primary_is_status() -> None:
    answers: Answers = {}
    async with mongodb_server(answers) as port:
        answers["hello"] = member(port)
        result = await probe_once(f"mongodb://127.0.0.1:{port}/?directConnection=true")
    assert (result.reason, result.detail) == (Reason.STATUS, "the replica set has no primary")


async def without_primary() -> ProbeResult:
    answers: Answers = {}
    async with mongodb_server(answers) as port:
        answers["hello"] = member(port)
        return await probe_once(f"mongodb://127.0.0.1:{port}")


async def of_another_replica_set() -> ProbeResult:
    answers: Answers = {}
    async with mongodb_server(answers) as port:
        answers |= replica_set(port)
        return await probe_once(f"mongodb://127.0.0.1:{port}/?replicaSet=other")


async def speaking_no_tls() -> ProbeResult:
    async with serving(saying(b"no TLS here\r\n")) as port:
        return await probe_once(f"mongodb://127.0.0.1:{port}/?tls=true")


async def speaking_http() -> ProbeResult:
    async with serving(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        return await probe_once(f"mongodb://127.0.0.1:{port}")


async def closing_at_once() -> ProbeResult:
    async with serving(saying()) as port:
        return await probe_once(f"mongodb://127.0.0.1:{port}")


async def far_too_old() -> ProbeResult:
    async with mongodb_server({"hello": hello(maxWireVersion=1)}) as port:
        return await probe_once(f"mongodb://127.0.0.1:{port}")


@pytest.mark.usefixtures("_looks_often")
async def test_why_no_server_can_be_used_is_the_reason() -> None:
    reasons = {
        without_primary: Reason.STATUS,
        of_another_replica_set: Reason.STATUS,
        speaking_no_tls: Reason.TLS,
        speaking_http: Reason.PROTOCOL,
        closing_at_once: Reason.PROTOCOL,
        far_too_old: Reason.PROTOCOL,
    }
    results = await asyncio.gather(*(server() for server in reasons))  # At once: each takes its time.
    seen = {server: result.reason for server, result in zip(reasons, results, strict=True)}
    assert seen == reasons
