from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sidecar.spool import keeping
from sidecar.spool.keeping import Turns, keep_spool
from sidecar.spool.reader import SpoolReader
from sidecar.spool.upkeep import StoppedError, Upkeep, UpkeepReport
from tests.sidecar.spool.spools import counter, dead_worker, total


class Kept:
    """A spool that is kept, until something has happened so many times."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.reports: list[UpkeepReport] = []
        self.failures = 0
        self._changed = asyncio.Event()

    def on_run(self, report: UpkeepReport) -> None:
        self.reports.append(report)
        self._changed.set()

    def on_failure(self) -> None:
        self.failures += 1
        self._changed.set()

    async def until(self, *, runs: int = 0, failures: int = 0) -> None:
        work = keep_spool(
            self.spool,
            SpoolReader(self.spool),
            foreign_max_age_seconds=60,
            on_run=self.on_run,
            on_failure=self.on_failure,
        )
        task = asyncio.create_task(work)
        async with asyncio.timeout(30):
            while len(self.reports) < runs or self.failures < failures:
                self._changed.clear()
                await self._changed.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture
async def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.setattr(keeping, "EVERY_SECONDS", 0)
    return Kept(tmp_path)


async def test_a_spool_is_kept_until_it_is_told_to_stop(kept: Kept) -> None:
    dead_worker(kept.spool, "a", counter(1))
    await kept.until(runs=2)
    assert [report.merged for report in kept.reports[:2]] == [1, 0]
    assert kept.reports[1].spool_bytes > 0
    assert total(kept.spool) == 1


async def test_a_spool_that_cant_be_kept_is_told_once_and_tried_again(kept: Kept) -> None:
    (kept.spool / "dead").symlink_to(kept.spool)
    with capture_logs() as logs:
        await kept.until(failures=3)
    assert [entry["event"] for entry in logs] == ["spool.upkeep_failed"]
    (kept.spool / "dead").unlink()
    dead_worker(kept.spool, "a", counter(1))
    await kept.until(runs=1)
    assert total(kept.spool) == 1


async def test_a_mistake_of_ours_does_not_end_the_upkeep(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken(_upkeep: Upkeep) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(Upkeep, "run", mistaken)
        await kept.until(failures=2)
    assert [entry["problem"] for entry in logs] == ["ZeroDivisionError()"]


async def test_a_spool_that_is_not_there_yet_is_waited_for(kept: Kept) -> None:
    kept.spool /= "later"
    task = asyncio.create_task(kept.until(runs=1))
    await asyncio.sleep(0)
    kept.spool.mkdir()
    await task


def test_long_work_ends_between_two_pieces_of_it() -> None:
    turns = Turns()
    turns()
    turns.stop()
    with pytest.raises(StoppedError):
        turns()


def test_long_work_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns()
    rests: list[float] = []
    monkeypatch.setattr(turns._stopping, "wait", rests.append)
    now = [time.perf_counter()]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    turns()
    assert rests == []
    now[0] += 1
    turns()
    turns()
    assert len(rests) == 1


async def test_a_full_disk_is_told_once_whatever_the_file_is_to_be_called(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_upkeep: Upkeep) -> None:
        raise OSError(28, "No space left on device", f"dead/{secrets.token_hex(8)}.counter_1.db")

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(Upkeep, "run", full)
        await kept.until(failures=3)
    assert [entry["event"] for entry in logs] == ["spool.upkeep_failed"]
