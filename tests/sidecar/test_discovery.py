from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from pydantic import ValidationError

from sidecar.app import Sidecar
from sidecar.config import Config, load
from sidecar.config.fleet import Discovery
from sidecar.discovery import RELATION_LABEL, named_by, reached_at, target_groups
from sidecar.redaction import Redactor

CONFIGS = Path(__file__).parents[1] / "configs"


def test_nobody_is_an_empty_list() -> None:
    assert target_groups(None, (), {"region": "eu"}) == []


def test_this_sidecar_among_its_peers_is_listed_once() -> None:
    groups = target_groups("a:1", ("a:1", "b:1"), {})
    assert [(group["targets"], group["labels"][RELATION_LABEL]) for group in groups] == [
        (["a:1"], "self"),
        (["b:1"], "peer"),
    ]


@pytest.mark.parametrize(
    ("own", "peer"),
    [
        ("other:9747", "Other:9747"),
        ("other.example:9747", "OTHER.example.:9747"),
        ("[::1]:9747", "[0:0::1]:9747"),
        ("[2001:db8::a]:9747", "[2001:DB8:0::A]:09747"),
        ("192.0.2.1:9747", "[::ffff:192.0.2.1]:9747"),
        ("[::ffff:c000:201]:9747", "192.0.2.1:9747"),
    ],
)
def test_this_sidecar_is_listed_once_however_the_peers_spell_it(own: str, peer: str) -> None:
    groups = target_groups(own, (peer, "b:1"), {})
    assert [group["targets"] for group in groups] == [[own], ["b:1"]]


@pytest.mark.parametrize(
    ("own", "peer"),
    [("other:9747", "other:9748"), ("[::1]:9747", "[::2]:9747"), ("192.0.2.1:9747", "192.0.2.10:9747")],
)
def test_another_address_is_another_sidecar(own: str, peer: str) -> None:
    assert [group["targets"] for group in target_groups(own, (peer,), {})] == [[own], [peer]]


def test_peers_are_the_same_in_any_spelling() -> None:
    with pytest.raises(ValidationError, match=r"'Other:9747' and 'other\.:9747' are the same; keep one"):
        Discovery(peers=("Other:9747", "b:9747", "other.:9747"))


async def test_all_are_listed_with_their_labels(aiohttp_client: Any) -> None:
    config = load({}, CONFIGS / "good-fleet.yml")
    client = await aiohttp_client(Sidecar(config, Redactor()).application())
    answer = await client.get("/sd")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    labels = {"region": "eu", "_tier": "1"}
    assert await answer.json() == [
        {"targets": ["host-2.example.net:9747"], "labels": {**labels, RELATION_LABEL: "self"}},
        {
            "targets": ["host-1.example.net:9747", "[2001:db8::3]:9747"],
            "labels": {**labels, RELATION_LABEL: "peer"},
        },
    ]


async def test_without_an_address_it_is_listed_where_it_was_asked(aiohttp_client: Any) -> None:
    client = await aiohttp_client(Sidecar(Config(), Redactor()).application())
    groups = await (await client.get("/sd", headers={"Host": "evil.example"})).json()
    assert [group["targets"] for group in groups] == [[f"127.0.0.1:{client.port}"]]


async def test_who_asks_by_a_name_that_the_peers_have_of_it_gets_it_once(aiohttp_client: Any) -> None:
    """By the socket alone it is 192.0.2.1, and would be scraped under both, and count twice in every sum."""
    peers = ("host-1.example.net:9747", "host-2.example.net:9747")
    config = Config.model_validate({"discovery": {"peers": peers}})
    client = await aiohttp_client(Sidecar(config, Redactor()).application())
    groups = await (await client.get("/sd", headers={"Host": peers[0]})).json()
    assert [(group["targets"], group["labels"][RELATION_LABEL]) for group in groups] == [
        ([peers[0]], "self"),
        ([peers[1]], "peer"),
    ]


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("localhost:9747", "LOCALHOST:9747"),
        ("Host-1.example.net:9747", "host-1.example.net.:9747"),
        ("[0:0::1]:9747", "[::1]:9747"),
        ("host-1.example.net:80", "host-1.example.net"),
        ("[::1]:80", "[::1]"),
    ],
)
def test_who_asks_may_spell_the_name_otherwise(peer: str, host: str) -> None:
    request = make_mocked_request("GET", "/sd", headers={"Host": host})
    assert named_by(request, ("other:9747", peer)) == peer


@pytest.mark.parametrize(
    "host", ["", "evil.example:9747", "other", "::1", "[::1", "other:9747:9747", "a" * 9_000]
)
def test_who_asks_by_anything_else_names_nobody(host: str) -> None:
    request = make_mocked_request("GET", "/sd", headers={"Host": host})
    assert named_by(request, ("other:9747", "[::1]:9747")) is None


@pytest.mark.parametrize(
    ("own_end", "address"),
    [
        (("192.0.2.1", 9747), "192.0.2.1:9747"),
        (("::ffff:192.0.2.1", 9747, 0, 0), "192.0.2.1:9747"),
        (("2001:db8::1", 9747, 0, 0), "[2001:db8::1]:9747"),
        ("/run/sidecar.sock", None),
    ],
)
def test_an_address_is_written_as_prometheus_reads_it(own_end: object, address: str | None) -> None:
    request = make_mocked_request("GET", "/sd", transport=Mock(get_extra_info=lambda _: own_end))
    assert reached_at(request) == address
