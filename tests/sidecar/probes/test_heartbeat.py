from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from sidecar.probes import HeartbeatOptions, HeartbeatProbe, Reason
from tests.clock import Clock


def heartbeat(clock: Clock, **options: Any) -> HeartbeatProbe:
    options = {"interval_seconds": 30.0, "grace_seconds": 10.0} | options
    return HeartbeatProbe("job", HeartbeatOptions.model_validate(options), clock=clock)


async def test_the_first_beat_may_take_interval_and_grace() -> None:
    clock = Clock()
    probe = heartbeat(clock)
    clock.advance(40)
    assert (await probe.run()).success
    clock.advance(0.1)
    assert (await probe.run()).reason is Reason.TIMEOUT


async def test_a_beat_is_late_after_interval_and_grace() -> None:
    clock = Clock()
    probe = heartbeat(clock)
    clock.advance(1000)
    probe.beat()
    assert (await probe.run()).success
    clock.advance(40)
    assert (await probe.run()).success
    clock.advance(0.1)
    result = await probe.run()
    assert (result.reason, result.detail) == (Reason.TIMEOUT, "no beat for 40.1 s, at most 40")


async def test_a_beat_can_be_rarer_than_the_sidecar_looks() -> None:
    clock = Clock()
    probe = heartbeat(clock, every_seconds=86_400)
    clock.advance(86_410)
    assert (await probe.run()).success
    clock.advance(0.1)
    assert not (await probe.run()).success


async def test_a_beat_ends_an_outage() -> None:
    clock = Clock()
    probe = heartbeat(clock)
    clock.advance(1000)
    assert not (await probe.run()).success
    probe.beat(clock())
    assert (await probe.run()).success


async def test_an_older_beat_does_not_undo_a_newer_one() -> None:
    clock = Clock()
    probe = heartbeat(clock)
    clock.advance(1000)
    probe.beat(clock())
    probe.beat(clock() - 900)
    assert (await probe.run()).success


@pytest.mark.parametrize(
    ("token", "given", "accepted"),
    [
        (None, None, True),
        (None, "anything", True),
        ("s3cr3t", "s3cr3t", True),
        ("s3cr3t", "s3cr3", False),
        ("s3cr3t", "", False),
        ("s3cr3t", None, False),
        ("s3cr3t", "s3cr\u00e9t\udcff", False),
    ],
)
def test_a_beat_counts_with_the_right_token_only(
    token: str | None, given: str | None, accepted: bool
) -> None:
    probe = heartbeat(Clock(), token=None if token is None else SecretStr(token))
    assert probe.accepts(given) is accepted


async def test_a_beat_counts_after_the_options_have_changed() -> None:
    clock = Clock()
    before = HeartbeatProbe("job", HeartbeatOptions(every_seconds=100), clock=clock)
    clock.advance(50)
    before.beat()
    after = HeartbeatProbe("job", HeartbeatOptions(every_seconds=60, grace_seconds=0), clock=clock)
    after.inherit(before)
    clock.advance(59)
    assert (await after.run()).success
    clock.advance(2)
    assert (await after.run()).reason is Reason.TIMEOUT
