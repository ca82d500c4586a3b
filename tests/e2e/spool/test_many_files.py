"""More files than a process may have open."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import mmap_key

from sidecar.spool.reader import SpoolReader
from tests.e2e.spool.writers import mapped

FILES = 600
DESCRIPTORS = 256


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.usefixtures("few_descriptors")
def test_a_spool_may_hold_more_files_than_can_be_open(tmp_path: Path) -> None:
    for number in range(FILES):
        file = mapped(tmp_path / f"counter_{number}.db")
        file.write_value(mmap_key("jobs", "jobs_total", [], [], "Jobs."), 1.0, 0.0)
        file.close()
    before = open_descriptors()
    reader = SpoolReader(tmp_path)
    for _ in range(2):
        reading = reader.read()
        assert (reading.files, reading.unreadable_files) == (FILES, 0)
        assert [sample.value for family in reading.families for sample in family.samples] == [FILES]
        assert open_descriptors() - before <= DESCRIPTORS // 4
    for path in tmp_path.glob("*.db"):
        path.unlink()
    assert reader.read().families == ()
    assert open_descriptors() == before, "what is gone is closed"
