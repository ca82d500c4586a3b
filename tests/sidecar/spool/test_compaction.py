from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.spool.absorption import Absorption
from sidecar.spool.files import Entry, read_file
from sidecar.spool.holders import Holders
from sidecar.spool.metric_bytes import to_bytes
from sidecar.spool.sources import list_sources
from sidecar.spool.upkeep import Upkeep, UpkeepReport
from tests.sidecar.spool.spools import counter, dead_worker, living_worker, names, total, write


def nobody_holds(_probe: Path, _workers: set[str]) -> Holders:
    return Holders()


def upkeep(spool: Path, step: Callable[[str], None] = lambda _name: None) -> UpkeepReport | None:
    return Upkeep(spool, foreign_max_age_seconds=1e9, step=step, look=nobody_holds).run()


def test_the_dead_are_merged_and_what_they_left_is_removed(tmp_path: Path) -> None:
    for number in range(3):
        dead_worker(tmp_path, f"w{number}", counter(number, outcome="failed"), counter(1, outcome="ok"))
    lease = living_worker(tmp_path, "alive", counter(10, outcome="ok"))
    report = upkeep(tmp_path)
    assert report is not None
    assert (report.moved, report.merged) == (3, 3)
    assert names(tmp_path) == {
        "alive.lease",
        "counter_alive.db",
        "compacted.json",
        "compacted/000000000001/compacted.json",
        "compacted/000000000001/counter_compacted.db",
        "compaction.lock",
    }
    merged = read_file(tmp_path / "compacted/000000000001/counter_compacted.db")
    assert {entry.labels: entry.value for entry in merged.entries} == {
        (("outcome", "failed"),): 3.0,
        (("outcome", "ok"),): 3.0,
    }
    os.close(lease)


def test_a_list_made_before_a_compaction_is_told_to_be_old_or_still_right(tmp_path: Path) -> None:
    dead_worker(tmp_path, "a", counter(1))
    dead_worker(tmp_path, "b", counter(10))

    def look(_name: str) -> None:
        files = list_sources(tmp_path)
        read = sum(read_file(source.path, source.name).entries[0].value for source in files.files)
        assert read == 11
        assert files.is_still_current()

    upkeep(tmp_path, look)
    assert total(tmp_path) == 11


def test_a_total_does_not_step_back_by_a_rounding_error(tmp_path: Path) -> None:
    numbers = random.Random(6)  # noqa: S311
    alive = living_worker(tmp_path, "alive", counter(numbers.random()))
    expected = 0.0
    for number in range(8):
        dead_worker(tmp_path, f"w{number}", counter(numbers.random() * 10 ** numbers.randint(-9, 9)))
        expected = total(tmp_path)
        upkeep(tmp_path)
        assert total(tmp_path) == expected
    os.close(alive)


def test_gauges_are_merged_by_their_mode(tmp_path: Path) -> None:
    for mode, (first, second) in {"min": (3, 2), "max": (3, 2), "sum": (3, 2), "mostrecent": (3, 2)}.items():
        for worker, value, time in (("a", first, 20.0), ("b", second, 10.0)):
            dead_worker(
                tmp_path, worker, Entry("level", "level", (), "", value, time), prefix=f"gauge_{mode}"
            )
    for mode in ("all", "liveall", "livesum"):
        dead_worker(tmp_path, "a", Entry("level", "level", (), "", 1.0, 1.0), prefix=f"gauge_{mode}")
    upkeep(tmp_path)
    merged = {
        source.name.mode: read_file(source.path).entries[0][4:] for source in list_sources(tmp_path).files
    }
    assert merged == {"min": (2, 0.0), "max": (3, 0.0), "sum": (5, 0.0), "mostrecent": (3, 20.0)}


def test_files_with_other_series_or_the_same_one_twice_are_merged_all_the_same(tmp_path: Path) -> None:
    dead_worker(tmp_path, "a", counter(1, name="x"), counter(2, name="y"), counter(4, name="x"))
    dead_worker(tmp_path, "b", counter(8, name="y"), counter(16, name="z"))
    for worker, letters in (("a", "xy"), ("b", "yz")):
        gauges = (Entry(name, name, (), "", ord(worker), 5.0) for name in letters)
        dead_worker(tmp_path, worker, *gauges, prefix="gauge_max")
    upkeep(tmp_path)
    assert [total(tmp_path, f"{name}_total") for name in "xyz"] == [5, 10, 16]
    assert [total(tmp_path, name) for name in "xyz"] == [ord("a"), ord("b"), ord("b")]


def test_buckets_are_merged_un_accumulated(tmp_path: Path) -> None:
    def entries(*counts: float) -> list[Entry]:
        bounds = ("0.1", "1.0", "+Inf")
        return [
            Entry("t", "t_bucket", (("le", le),), "", count, 0.0)
            for le, count in zip(bounds, counts, strict=True)
        ]

    dead_worker(tmp_path, "a", *entries(1, 2, 3), prefix="histogram")
    dead_worker(tmp_path, "b", *entries(10, 0, 5), prefix="histogram")
    upkeep(tmp_path)
    (source,) = list_sources(tmp_path).files
    assert [entry.value for entry in read_file(source.path).entries] == [11, 2, 8]


@pytest.mark.parametrize(
    ("values", "expected"), [((1e308, 1e308), "inf"), (("inf", "-inf"), "nan"), (("nan", 1.0), "nan")]
)
def test_values_that_have_no_sum_are_merged_all_the_same(
    tmp_path: Path, values: tuple[float, float], expected: str
) -> None:
    for worker, value in zip("ab", values, strict=True):
        dead_worker(tmp_path, worker, counter(float(value)))
    upkeep(tmp_path)
    (source,) = list_sources(tmp_path).files
    assert str(read_file(source.path).entries[0].value) == expected


def test_of_two_sidecars_one_compacts(tmp_path: Path) -> None:
    dead_worker(tmp_path, "a", counter(1))
    second: list[UpkeepReport | None] = []
    upkeep(tmp_path, lambda _name: second.append(upkeep(tmp_path)))
    assert second
    assert set(second) == {None}
    assert total(tmp_path) == 1


def test_a_damaged_file_of_the_dead_waits_and_the_others_are_merged(tmp_path: Path) -> None:
    dead_worker(tmp_path, "a", counter(1))
    dead_worker(tmp_path, "b", counter(10))
    (tmp_path / "counter_b.db").write_bytes(b"\x01")
    report = upkeep(tmp_path)
    assert report is not None
    assert (report.moved, report.merged) == (2, 1)
    assert len(list((tmp_path / "dead").iterdir())) == 1


def test_a_damaged_generation_is_never_replaced_by_less(tmp_path: Path) -> None:
    dead_worker(tmp_path, "a", counter(1))
    upkeep(tmp_path)
    merged = tmp_path / "compacted/000000000001/counter_compacted.db"
    whole = merged.read_bytes()
    merged.write_bytes(whole[:20])
    dead_worker(tmp_path, "b", counter(10))
    report = upkeep(tmp_path)
    assert report is not None
    assert (report.moved, report.merged) == (1, 0)
    merged.write_bytes(whole)
    upkeep(tmp_path)
    assert total(tmp_path) == 11


def test_a_lost_manifest_is_written_again(tmp_path: Path) -> None:
    dead_worker(tmp_path, "a", counter(1))
    upkeep(tmp_path)
    (tmp_path / "compacted.json").unlink()
    upkeep(tmp_path)
    assert json.loads((tmp_path / "compacted.json").read_text())["generation"] == "000000000001"
    assert total(tmp_path) == 1


def test_a_manifest_that_cant_be_read_just_now_is_not_a_lost_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_worker(tmp_path, "a", counter(1))
    upkeep(tmp_path)
    dead_worker(tmp_path, "b", counter(10))

    def too_many_open_files(*_: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("sidecar.spool.manifest.read_whole", too_many_open_files)
        with pytest.raises(OSError, match="Too many open files"):
            upkeep(tmp_path)
    assert total(tmp_path) == 11
    upkeep(tmp_path)
    assert total(tmp_path) == 11


@pytest.mark.parametrize("name", ["dead", "compacted", "bad"])
def test_links_in_place_of_the_spools_own_directories_are_not_followed(tmp_path: Path, name: str) -> None:
    precious = write(tmp_path / "elsewhere" / "000000000001" / "precious", counter(1))
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / name).symlink_to(tmp_path / "elsewhere")
    dead_worker(spool, "a", counter(1))
    with pytest.raises(NotADirectoryError, match="follows none"):
        upkeep(spool)
    assert list((tmp_path / "elsewhere").rglob("*.db")) == []
    assert precious.exists()


def test_a_file_that_a_process_still_holds_after_the_rename_counts_but_is_not_merged(tmp_path: Path) -> None:
    dead_worker(tmp_path, "a", counter(1))
    file = tmp_path / "counter_a.db"
    status = file.stat()
    held = Holders(frozenset({(status.st_dev, status.st_ino)}))
    look: Callable[[Path, set[str]], Holders] = lambda _probe, _workers: held  # noqa: E731
    Upkeep(tmp_path, foreign_max_age_seconds=1e9, look=look).run()
    (moved,) = (tmp_path / "dead").iterdir()
    moved.write_bytes(to_bytes([counter(5)]))  # in place, as through a mapping
    assert total(tmp_path) == 5
    upkeep(tmp_path)
    assert list_sources(tmp_path).manifest.generation is not None
    assert total(tmp_path) == 5


def test_others_may_run_between_two_files_that_are_merged_and_between_two_that_are_made(
    tmp_path: Path,
) -> None:
    for number in range(3):
        dead_worker(tmp_path, f"w{number}", counter(1))
        dead_worker(tmp_path, f"w{number}", counter(1), prefix="gauge_max")
    breaths: list[None] = []
    absorption = Absorption(lambda: breaths.append(None))
    for taken, source in enumerate(list_sources(tmp_path).files, 1):
        absorption.add(source)
        assert len(breaths) == taken
    for made, _ in enumerate(absorption.contents(), 1):
        assert len(breaths) == 6 + made
    assert len(breaths) == 8


def test_a_hostile_manifest_removes_nothing_outside_the_spool(tmp_path: Path) -> None:
    victim = write(tmp_path / "victim", counter(1))
    spool = tmp_path / "spool"
    dead_worker(spool, "a", counter(2))
    document = {"version": 1, "generation": "000000000001", "absorbed": [str(victim), "../../victim"]}
    (spool / "compacted.json").write_text(json.dumps(document))
    upkeep(spool)
    assert victim.exists()
    assert total(spool) == 2
