"""A process's share of a shared budget while the server is being told of it."""

from __future__ import annotations

import pytest

from pipeline.ledger.mongodb.hold import Hold


@pytest.fixture
def hold() -> Hold:
    """One that the server knows, with 1,000 in it."""
    hold = Hold("lease", "2026-11-22", "intake")
    tell(hold, 1_000)
    hold.made()
    return hold


def tell(hold: Hold, extra: int) -> None:
    hold.tell(extra, owner="me", day="2026-11-22", lease_ends_at=0, if_remains=True, closes=False)


def test_what_is_being_given_back_is_not_there_for_calls(hold: Hold) -> None:
    tell(hold, -700)
    assert hold.available_nano_usd == 300
    hold.made()
    assert hold.available_nano_usd == 300


def test_what_the_server_did_not_take_back_is_there_again(hold: Hold) -> None:
    tell(hold, -700)
    hold.refused()
    assert hold.available_nano_usd == 1_000


def test_what_is_asked_for_is_there_once_it_is_granted(hold: Hold) -> None:
    tell(hold, 500)
    assert hold.available_nano_usd == 1_000
    hold.made()
    assert hold.available_nano_usd == 1_500
