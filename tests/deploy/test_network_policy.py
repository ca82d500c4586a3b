"""Whom the pods get at, by address."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.deploy.stack import manifests

RULES: list[dict[str, Any]] = manifests()["NetworkPolicy"]["spec"]["egress"]


def reaches(address: str, port: int) -> bool:
    """Whether a policy's blocks of addresses let a connection out, as Kubernetes defines them."""
    return any(
        ip_address(address) in ip_network(block["cidr"])
        and not any(ip_address(address) in ip_network(inner) for inner in block.get("except", ()))
        for rule in RULES
        if port in {each["port"] for each in rule["ports"]}
        for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer)
    )


@pytest.mark.parametrize("address", ["104.18.2.115", "2606:4700::6812:273"])
def test_the_providers_are_reached_by_both_protocols(address: str) -> None:
    assert reaches(address, 443)
    assert not reaches(address, 80)


def test_names_are_found_where_each_node_has_a_cache_of_them() -> None:
    assert reaches("169.254.20.10", 53)
    assert not reaches("169.254.20.10", 443)


@pytest.mark.parametrize(
    "address",
    ["10.96.0.1", "172.20.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "fd00:ec2::254", "fe80::1"],
)
def test_neither_the_cluster_nor_the_clouds_metadata_are_reached(address: str) -> None:
    assert not any(reaches(address, port) for port in (53, 80, 443))


def test_an_exception_is_part_of_its_block() -> None:
    """Kubernetes refuses another."""
    for rule in RULES:
        for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
            outer = ip_network(block["cidr"])
            for text in block.get("except", ()):
                inner = ip_network(text)
                assert inner.version == outer.version
                assert inner.network_address in outer
                assert inner.prefixlen > outer.prefixlen
