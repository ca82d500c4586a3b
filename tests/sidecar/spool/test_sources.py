from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from pipeline import metrics
from pipeline.meter import Meter
from sidecar.spool import sources as module
from sidecar.spool.listing import Listing, list_directory
from sidecar.spool.manifest import identify
from sidecar.spool.sources import Sources, State, list_sources

LONG_AGO = 1_000_000_000
NONCE = "0123456789abcdef"


def listed(sources: Sources) -> set[tuple[str, State]]:
    return {(str(source.path.relative_to(sources.directory)), source.state) for source in sources.files}


def touch(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(64))
    return path.name


def publish(spool: Path, generation: str, *absorbed: str) -> None:
    text = json.dumps({"version": 1, "generation": generation, "absorbed": absorbed})
    (spool / "compacted.json.new").write_text(text)
    (spool / "compacted.json.new").rename(spool / "compacted.json")


def test_a_spool_that_does_not_exist_yet_has_no_sources(tmp_path: Path) -> None:
    sources = list_sources(tmp_path / "spool")
    assert sources.files == ()
    assert sources.is_still_current()


def test_what_a_generation_holds_counts_once(tmp_path: Path) -> None:
    held = touch(tmp_path / "dead" / f"{NONCE}.counter_1.db")
    touch(tmp_path / "dead" / f"{NONCE}.counter_2.db")
    touch(tmp_path / "counter_1.db")
    for generation in ("000000000001", "000000000002"):
        touch(tmp_path / "compacted" / generation / "counter_compacted.db")
    publish(tmp_path, "000000000001", held)
    assert listed(list_sources(tmp_path)) == {
        ("counter_1.db", State.LIVE),
        (f"dead/{NONCE}.counter_2.db", State.DEAD),
        ("compacted/000000000001/counter_compacted.db", State.COMPACTED),
    }


def test_a_list_is_not_current_any_more_once_a_generation_is_published(tmp_path: Path) -> None:
    publish(tmp_path, "000000000001")
    sources = list_sources(tmp_path)
    assert sources.is_still_current()
    publish(tmp_path, "000000000002")
    assert not sources.is_still_current()
    assert list_sources(tmp_path).manifest.generation == "000000000002"


@pytest.mark.parametrize("has_generation", [True, False])
def test_a_generation_published_while_the_spool_is_listed_makes_the_list_outdated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_generation: bool
) -> None:
    touch(tmp_path / "counter_1.db")
    if has_generation:
        publish(tmp_path, "000000000001")

    def published_meanwhile(directory: Path, *, through_link: bool = False) -> Listing:
        found = list_directory(directory, through_link=through_link)
        if directory == tmp_path:
            publish(tmp_path, "000000000002", "counter_1.db")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(module, "list_directory", published_meanwhile)
        sources = list_sources(tmp_path)
    assert not sources.is_still_current()


def test_a_file_that_moves_to_the_dead_before_it_is_listed_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor if they have had no directory until then."""
    touch(tmp_path / "counter_1.db")
    touch(tmp_path / "counter_2.db")

    def moved_meanwhile(directory: Path, *, through_link: bool = False) -> Listing:
        found = list_directory(directory, through_link=through_link)
        if directory != tmp_path:
            return found
        (tmp_path / "dead").mkdir()
        (tmp_path / "counter_2.db").rename(tmp_path / "dead" / f"{NONCE}.counter_2.db")
        return Listing(frozenset(entry for entry in found.entries if entry[0] != "counter_2.db"))

    monkeypatch.setattr(module, "list_directory", moved_meanwhile)
    assert listed(list_sources(tmp_path)) == {
        ("counter_1.db", State.LIVE),
        (f"dead/{NONCE}.counter_2.db", State.DEAD),
    }


def test_a_manifest_is_told_from_the_one_that_had_its_inode_in_the_same_second(tmp_path: Path) -> None:
    """As on a file system that keeps whole seconds."""
    publish(tmp_path, "000000000001")
    status = SimpleNamespace(st_dev=1, st_ino=7, st_size=80, st_ctime_ns=LONG_AGO * 10**9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "lstat", lambda _: status)
        before = identify(tmp_path)
        assert identify(tmp_path) == before
        publish(tmp_path, "000000000003")
        assert identify(tmp_path) != before


def test_a_file_that_moves_while_it_is_listed_counts_once(tmp_path: Path) -> None:
    touch(tmp_path / "counter_1.db")
    (tmp_path / "dead").mkdir()
    os.link(tmp_path / "counter_1.db", tmp_path / "dead" / f"{NONCE}.counter_1.db")
    assert listed(list_sources(tmp_path)) == {(f"dead/{NONCE}.counter_1.db", State.DEAD)}


def test_a_source_has_the_name_that_it_had_while_its_worker_lived(tmp_path: Path) -> None:
    touch(tmp_path / "dead" / f"{NONCE}.gauge_max_7.db")
    (source,) = list_sources(tmp_path).files
    assert source.name == ("gauge", "max", "7")


def test_gauges_that_end_with_their_worker_do_not_outlive_it(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    meter.counter(metrics.PIPELINE_JOBS, "failed")
    meter.gauge(metrics.PIPELINE_JOBS_IN_PROGRESS)
    meter.gauge(metrics.PIPELINE_BUDGET_SPENT)
    modes = {source.name.mode for source in list_sources(tmp_path).files}
    assert "livesum" in modes
    meter.close()
    after = list_sources(tmp_path)
    assert {source.name.mode for source in after.files} == modes - {"livesum"}
    assert after.leases.living == frozenset()


def test_gauges_of_one_dead_worker_each_are_left_out(tmp_path: Path) -> None:
    for mode in ("all", "liveall", "livemax", "max"):
        touch(tmp_path / "dead" / f"{NONCE}.gauge_{mode}_7.db")
    assert {source.name.mode for source in list_sources(tmp_path).files} == {"max"}


def test_names_that_are_no_metric_files_are_told_of(tmp_path: Path) -> None:
    touch(tmp_path / "gauge_1.db")
    touch(tmp_path / "counter_1.db.new")
    sources = list_sources(tmp_path)
    assert sources.files == ()
    assert [path.name for path in sources.misnamed] == ["gauge_1.db"]


def test_a_spool_that_cant_be_listed_just_now_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "counter_1.db")
    before = list_sources(tmp_path)
    (tmp_path / "other").mkdir()

    def too_many_open_files(*_: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(os, "scandir", too_many_open_files)
        assert list_sources(tmp_path) == before
        assert list_sources(tmp_path) == before
        assert list_sources(tmp_path / "other").files == ()
    assert [entry["event"] for entry in logs] == ["spool.not_listed"] * 2


def test_a_lost_or_damaged_manifest_is_made_up_for_by_the_newest_complete_generation(tmp_path: Path) -> None:
    touch(tmp_path / "compacted" / "000000000001" / "counter_compacted.db")
    touch(tmp_path / "compacted" / "000000000002" / "counter_compacted.db")
    publish(tmp_path, "000000000001", "a")
    shutil.copy(tmp_path / "compacted.json", tmp_path / "compacted" / "000000000001")
    for damage in ("", "[]", '{"version": 1, "generation": "../../etc", "absorbed": []}', "[" * 100_000):
        (tmp_path / "compacted.json").write_text(damage)
        manifest = list_sources(tmp_path).manifest
        assert (manifest.generation, manifest.absorbed) == ("000000000001", frozenset({"a"}))
    (tmp_path / "compacted.json").unlink()
    assert list_sources(tmp_path).manifest.generation == "000000000001"


@pytest.mark.parametrize("name", ["", ".", "..", "../victim", "/etc/passwd", "a\0b", "\ud800", 1])
def test_a_manifest_that_leads_out_of_the_spool_is_a_damaged_one(tmp_path: Path, name: object) -> None:
    text = json.dumps({"version": 1, "generation": "000000000001", "absorbed": ["a", name]})
    (tmp_path / "compacted.json").write_text(text)
    assert list_sources(tmp_path).manifest.generation is None


def test_a_file_of_the_dead_that_is_replaced_in_place_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "dead" / f"{NONCE}.counter_1.db"
    touch(path)
    list_sources(tmp_path)
    path.rename(tmp_path / "aside")
    touch(path)
    (source,) = list_sources(tmp_path).files
    assert source.inode == path.stat().st_ino


def test_a_lease_that_another_sidecar_removes_leaves_no_descriptor_behind(tmp_path: Path) -> None:
    meter = Meter.spooling(tmp_path)
    open_before = set(Path("/proc/self/fd").iterdir())
    assert list_sources(tmp_path).leases.living
    (lease,) = tmp_path.glob("*.lease")
    lease.unlink()
    list_sources(tmp_path)
    assert set(Path("/proc/self/fd").iterdir()) == open_before
    meter.close()


@pytest.mark.parametrize("link", ["dead", "compacted", "compacted/000000000001"])
def test_nothing_counts_that_a_link_out_of_the_spool_leads_to(tmp_path: Path, link: str) -> None:
    spool = tmp_path / "spool"
    touch(spool / "counter_1.db")
    touch(tmp_path / "outside" / "counter_2.db")
    touch(tmp_path / "outside" / "000000000001" / "counter_2.db")
    (spool / link).parent.mkdir(exist_ok=True)
    (spool / link).symlink_to(tmp_path / "outside")
    publish(spool, "000000000001")
    assert listed(list_sources(spool)) == {("counter_1.db", State.LIVE)}


def test_a_spool_may_itself_be_a_link(tmp_path: Path) -> None:
    touch(tmp_path / "spool" / "counter_1.db")
    (tmp_path / "link").symlink_to("spool")
    assert listed(list_sources(tmp_path / "link")) == {("counter_1.db", State.LIVE)}
