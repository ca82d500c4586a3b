"""What holds for every kind of probe; a new one adds a line to `TARGETS`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from sidecar.config.secret_fields import field_types
from sidecar.probes import PROBES, HeartbeatProbe, Probe, ProbeResult, Reason
from tests.sidecar.probes.targets import answering_datagrams, refusing, saying, serving, silent

SECRET = "s3cr3t-of-the-target"
KEY = {"api_key": SECRET}
TARGETS: dict[str, Callable[[int], dict[str, Any]]] = {
    "http": lambda port: {"url": f"http://127.0.0.1:{port}/?key={SECRET}", "headers": {"X-Key": SECRET}},
    "tcp": lambda port: {"address": f"127.0.0.1:{port}", "send": SECRET, "expect": "^expected$"},
    "dns": lambda port: {"server": f"127.0.0.1:{port}", "query_name": "example.net"},
    "mongodb": lambda port: {"uri": f"mongodb://127.0.0.1:{port}/?appName={SECRET}"},
    "pdf": lambda port: {"url": f"http://127.0.0.1:{port}", "headers": {"X-Key": SECRET}, "render": True},
    "firecrawl": lambda port: {"url": f"http://127.0.0.1:{port}", **KEY},
    "openrouter": lambda port: {"url": f"http://127.0.0.1:{port}", **KEY},
    "openai": lambda port: {"url": f"http://127.0.0.1:{port}", **KEY, "model": "gpt-4o"},
    "anthropic": lambda port: {"url": f"http://127.0.0.1:{port}", **KEY, "model": "claude-haiku-4-5"},
    "heartbeat": lambda _: {"token": SECRET},
}
"""The options that point a kind at a port of this machine, with a secret wherever one can be."""

GARBAGE = (
    b"",
    b"\0",
    b"\xff" * 4096,
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{]\xff",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    b"%PDF-1.7\r\n\r\n",
    b"\x10\0\0\0\0\0\0\0\0\0\0\0\xdd\x07\0\0",
    bytes(range(256)) * 300,
)

EVERY_KIND = pytest.mark.parametrize("kind", PROBES, ids=lambda kind: kind.kind)
ASKING_A_TARGET = [kind for kind in PROBES if kind is not HeartbeatProbe]


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """MongoDB's driver looks for a server more often than every half second, and gives up sooner."""
    monkeypatch.setattr("pymongo.common.MIN_HEARTBEAT_INTERVAL", 0.02)
    monkeypatch.setattr("sidecar.probes.mongodb._SELECTION_STEP_SECONDS", 0.2)


def options_for(kind: type[Probe[Any]], port: int, **more: Any) -> Any:
    return kind.options_type.model_validate(TARGETS[kind.kind](port) | more)


async def probe(kind: type[Probe[Any]], port: int, *, timeout_seconds: float = 0.3) -> ProbeResult:
    target = kind("target", options_for(kind, port, timeout_seconds=timeout_seconds))
    try:
        return await target.run()
    finally:
        await target.close()


async def all_at_once(
    run: Callable[[type[Probe[Any]]], Awaitable[ProbeResult]],
) -> dict[str, ProbeResult]:
    """The result of every kind that asks a target, without any secret."""
    results = await asyncio.gather(*(run(kind) for kind in ASKING_A_TARGET))
    assert SECRET not in repr(results)
    return {kind.kind: result for kind, result in zip(ASKING_A_TARGET, results, strict=True)}


@EVERY_KIND
def test_its_options_say_of_which_kind_they_are(kind: type[Probe[Any]]) -> None:
    assert options_for(kind, 1).kind == kind.kind


@EVERY_KIND
def test_no_secret_is_in_the_repr_of_its_options(kind: type[Probe[Any]]) -> None:
    options = options_for(kind, 1)
    assert SECRET not in f"{options!r} {options!s}"


@pytest.mark.parametrize("kind", [kind for kind in PROBES if kind.kind != "http"], ids=lambda kind: kind.kind)
def test_every_place_for_a_secret_has_one_in_these_tests(kind: type[Probe[Any]]) -> None:
    secret = {name for name, types in field_types(kind.kind).items() if SecretStr in types}
    assert secret - {"proxy_password"} <= set(TARGETS[kind.kind](1))


async def test_an_unreachable_target_is_connect() -> None:
    with refusing() as port:
        results = await all_at_once(lambda kind: probe(kind, port))
    assert {kind: result.reason for kind, result in results.items()} == dict.fromkeys(results, Reason.CONNECT)


async def test_a_silent_target_is_timeout_in_time() -> None:
    async with serving(silent) as port, answering_datagrams(lambda _: None, port):
        results = await all_at_once(lambda kind: probe(kind, port, timeout_seconds=0.1))
    assert {kind: result.reason for kind, result in results.items()} == dict.fromkeys(results, Reason.TIMEOUT)
    assert max(result.duration_seconds for result in results.values()) < 0.3


async def test_whatever_a_target_says_it_is_a_failure_and_no_defect_of_ours() -> None:
    async def of_garbage(garbage: bytes) -> dict[str, ProbeResult]:
        async with serving(saying(garbage)) as port, answering_datagrams(lambda _: garbage, port):
            return await all_at_once(lambda kind: probe(kind, port))

    for results in await asyncio.gather(*map(of_garbage, GARBAGE)):
        del results["http"]  # To which a wrong body is as good as any, unless it is told otherwise.
        assert {kind for kind, result in results.items() if result.success} == set()
        assert {kind for kind, result in results.items() if result.reason is Reason.INTERNAL} == set()


@EVERY_KIND
def test_it_is_explained_to_the_user(kind: type[Probe[Any]]) -> None:
    document = Path(__file__).parents[3] / "docs" / "configuration.md"
    assert f"\n### `kind: {kind.kind}`\n" in document.read_text()


def test_every_kind_has_a_name_of_its_own() -> None:
    assert len({kind.kind for kind in PROBES}) == len(PROBES)
    assert set(TARGETS) == {kind.kind for kind in PROBES}
