"""Whatever lies in the spool, a scrape is answered with 200 and all that is well."""

from __future__ import annotations

import os
import random
import struct
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.mmap_dict import mmap_key
from prometheus_client.parser import text_string_to_metric_families

from sidecar.documents import Documents
from sidecar.redaction import Redactor
from sidecar.registry import Registry
from sidecar.scheduler import Scheduler
from sidecar.spool.reader import SpoolReader
from sidecar.web import Routes
from tests.e2e.spool.writers import mapped

JOBS = mmap_key("jobs", "jobs_total", ["outcome"], ["failed"], "Jobs.")
MUTATIONS = 10_000


def count(spool: Path, worker: str, value: float) -> Path:
    path = spool / f"counter_{worker}.db"
    file = mapped(path)
    file.write_value(JOBS, value, 0.0)
    file.close()
    return path


def time_some(spool: Path, worker: str) -> Path:
    path = spool / f"histogram_{worker}.db"
    file = mapped(path)
    for layer in ("one", "two", "drei€"):
        for bound in ("0.1", "1.0", "+Inf"):
            key = mmap_key("seconds", "seconds_bucket", ["layer", "le"], [layer, bound], "Time.")
            file.write_value(key, 1.0, 0.0)
        file.write_value(mmap_key("seconds", "seconds_sum", ["layer"], [layer], "Time."), 2.5, 0.0)
    file.close()
    return path


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TestClient[Any, Any]]:
    registry = Registry(tmp_path)
    app = web.Application()
    app.add_routes(Routes(registry, Scheduler(registry.service), Redactor(), Documents(registry)).table())
    async with TestClient(TestServer(app)) as client:
        yield client


def header(used: int, rest: bytes = b"") -> bytes:
    return struct.pack("i4x", used) + rest


def entry(length: int, key: bytes) -> bytes:
    return header(48, struct.pack("i", length) + key + bytes(64))


def link_out(path: Path) -> None:
    outside = path.parent.parent / "outside.db"
    count(outside.parent, "elsewhere", 1000.0).rename(outside)
    path.symlink_to(outside)


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "empty": ("counter_9.db", lambda path: path.touch()),
    "one byte": ("counter_9.db", lambda path: path.write_bytes(b"\1")),
    "three bytes": ("counter_9.db", lambda path: path.write_bytes(b"\0\0\0")),
    "used is more than there is": ("counter_9.db", lambda path: path.write_bytes(header(1 << 30))),
    "used is negative": ("counter_9.db", lambda path: path.write_bytes(header(-8))),
    "a length too big": ("counter_9.db", lambda path: path.write_bytes(entry(1000, b"x"))),
    "a negative length": ("counter_9.db", lambda path: path.write_bytes(entry(-8, b"x"))),
    "bad UTF-8": ("counter_9.db", lambda path: path.write_bytes(entry(4, b"\xff\xff\xff\xff"))),
    "bad JSON": ("counter_9.db", lambda path: path.write_bytes(entry(4, b"nope"))),
    "a name of no mode": ("gauge_1.db", lambda path: path.write_bytes(header(8))),
    "a directory": ("counter_9.db", lambda path: path.mkdir()),
    "a FIFO": ("counter_9.db", os.mkfifo),
    "a link out of the spool": ("counter_9.db", link_out),
    "a link to itself": ("counter_9.db", lambda path: path.symlink_to(path)),
    "truncated": ("counter_9.db", lambda path: os.truncate(count(path.parent, "9", 5.0), 40)),
}


async def scrape(client: TestClient[Any, Any]) -> dict[str, float]:
    """Samples without labels, and the failed jobs."""
    answer = await client.get("/metrics")
    assert answer.status == 200
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(await answer.text())
        for sample in family.samples
        if sample.labels in ({}, {"outcome": "failed"})
    }


@pytest.mark.parametrize("kind", DAMAGE)
async def test_damage_costs_a_scrape_nothing_else(
    kind: str, tmp_path: Path, client: TestClient[Any, Any]
) -> None:
    count(tmp_path, "1", 3.0)
    name, damage = DAMAGE[kind]
    damage(tmp_path / name)
    found = await scrape(client)
    assert found["jobs_total"] == 3.0
    assert found["sidecar_spool_unreadable_files"] == 1.0


async def test_zeros_are_a_file_that_nothing_was_written_to(
    tmp_path: Path, client: TestClient[Any, Any]
) -> None:
    count(tmp_path, "1", 3.0)
    (tmp_path / "counter_9.db").write_bytes(bytes(1 << 16))
    found = await scrape(client)
    assert (found["jobs_total"], found["sidecar_spool_unreadable_files"]) == (3.0, 0.0)


async def test_a_file_that_grows_while_it_is_read_is_always_whole(
    tmp_path: Path, client: TestClient[Any, Any]
) -> None:
    go_on = threading.Event()
    path = tmp_path / "counter_1.db"

    def write() -> None:
        file = mapped(path)
        for number in range(4000):  # from 64 KiB to 512
            file.write_value(mmap_key("grown", "grown_total", ["n"], [str(number)], "Grown."), 1.0, 0.0)
            file.write_value(JOBS, float(number), 0.0)
        file.close()
        go_on.set()

    writer = threading.Thread(target=write)
    writer.start()
    last = 0.0
    while not go_on.is_set():
        found = await scrape(client)
        assert found["sidecar_spool_unreadable_files"] == 0.0
        assert found.get("jobs_total", 0.0) >= last
        last = found.get("jobs_total", 0.0)
    writer.join()
    assert (await scrape(client))["jobs_total"] == 3999.0


async def test_a_file_that_is_truncated_again_and_again_kills_nobody(
    tmp_path: Path, client: TestClient[Any, Any]
) -> None:
    count(tmp_path, "1", 3.0)
    path = time_some(tmp_path, "9")
    whole = path.read_bytes()
    stop = threading.Event()

    def cut() -> None:
        while not stop.is_set():
            os.truncate(path, 0)
            path.write_bytes(whole)

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        for _ in range(200):
            assert (await scrape(client))["jobs_total"] == 3.0
    finally:
        stop.set()
        cutter.join()


def jobs(reader: SpoolReader) -> tuple[float, int]:
    reading = reader.read()
    values = {
        sample.name: sample.value
        for family in reading.families
        for sample in family.samples
        if sample.labels == {"outcome": "failed"}
    }
    return values["jobs_total"], reading.unreadable_files


def test_random_mutations_harm_no_other_file(tmp_path: Path) -> None:
    chance = random.Random(6)  # noqa: S311
    count(tmp_path, "1", 3.0)
    path = time_some(tmp_path, "9")
    whole = path.read_bytes()[:1200]
    bad = 0
    reader = SpoolReader(tmp_path)
    for _ in range(MUTATIONS):
        path.unlink()
        path.write_bytes(mutated(whole, chance))
        value, unreadable = jobs(reader)
        assert value == 3.0
        bad += unreadable
    assert MUTATIONS / 10 < bad < MUTATIONS, "both sorts were tried"


def test_what_was_read_of_a_file_outlives_its_damage(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311
    reader = SpoolReader(tmp_path)
    path = count(tmp_path, "1", 3.0)
    whole = path.read_bytes()[:256]
    keys = len(whole.rstrip(b"\0")) - 8
    for _ in range(MUTATIONS // 10):
        path.write_bytes(whole)
        assert jobs(reader) == (3.0, 0)
        damaged = bytearray(whole)
        damaged[chance.randrange(keys)] ^= 1 << chance.randrange(8)  # all but the value
        with path.open("r+b") as file:
            file.write(damaged)
        assert jobs(reader)[0] == 3.0


def mutated(whole: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(whole)
    for _ in range(chance.randint(1, 6)):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    if chance.random() < 0.3:
        del damaged[chance.randrange(len(damaged)) :]
    if chance.random() < 0.2:
        start = chance.randrange(len(damaged) + 1)
        damaged[start:start] = chance.randbytes(chance.randint(1, 32))
    return bytes(damaged)
