from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from sidecar.spool.file_times import is_settled
from sidecar.spool.listing import NOTHING, list_directory

LONG_AGO = 1_000_000_000


def settle(directory: Path) -> None:
    """As if nothing had happened in it for a long time."""
    os.utime(directory, (LONG_AGO, LONG_AGO))


def names(directory: Path) -> set[str]:
    return {name for name, _ in list_directory(directory).entries}


def count_looks(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    looks: list[Path] = []
    scandir = os.scandir

    def look(path: Path) -> object:
        looks.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", look)
    return looks


def interrupted(between: Callable[[Path], object]) -> Callable[[Path], AbstractContextManager[object]]:
    """A way to list a directory to which something happens after its first entry was found."""
    scandir = os.scandir

    @contextmanager
    def look(path: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(path) as found:
            entries = sorted(found, key=lambda entry: entry.name)

        def some() -> Iterator[os.DirEntry[str]]:
            yield entries[0]
            gone = between(path)
            yield from (entry for entry in entries[1:] if entry.name != gone)

        yield some()

    return look


def replaced(directory: Path) -> str:
    """As in memory: who lists the directory now finds the file neither as it was nor as it is."""
    (directory / "new").touch()
    (directory / "new").replace(directory / "counter_2.db")
    return "counter_2.db"


@pytest.mark.parametrize("settled", [True, False])
def test_a_file_that_is_replaced_while_its_directory_is_listed_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled: bool
) -> None:
    (tmp_path / "counter_1.db").touch()
    (tmp_path / "counter_2.db").touch()
    if settled:
        settle(tmp_path)
    events = iter([replaced])

    def once(directory: Path) -> str:
        return next(events, str)(directory)

    monkeypatch.setattr(os, "scandir", interrupted(once))
    assert names(tmp_path) == {"counter_1.db", "counter_2.db"}
    assert list_directory(tmp_path).entries == {
        (path.name, path.stat().st_ino) for path in tmp_path.iterdir()
    }


def test_a_directory_that_changes_all_the_time_is_listed_a_few_times_and_no_file_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 4):
        (tmp_path / f"counter_{number}.db").touch()
    looks = 0

    def another(directory: Path) -> str:
        nonlocal looks
        looks += 1
        (directory / f"0.{looks}").touch()
        return f"counter_{2 + looks % 2}.db"

    monkeypatch.setattr(os, "scandir", interrupted(another))
    assert names(tmp_path) >= {"counter_1.db", "counter_2.db", "counter_3.db"}
    assert looks < 10


@pytest.mark.parametrize(
    ("modified_seconds", "settled_after_seconds"), [(LONG_AGO + 0.5, 0.1), (LONG_AGO, 2.6)]
)
def test_a_time_of_whole_seconds_says_less_of_what_comes_after(
    modified_seconds: float, settled_after_seconds: float
) -> None:
    modified_ns = int(modified_seconds * 1e9)
    assert is_settled(modified_ns, modified_ns + int(settled_after_seconds * 1e9))
    assert not is_settled(modified_ns, modified_ns + int(settled_after_seconds * 1e9 / 2.5))


def test_what_has_not_changed_is_not_listed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "counter_1.db").touch()
    settle(tmp_path)
    looks = count_looks(monkeypatch)
    first = list_directory(tmp_path)
    assert [list_directory(tmp_path) is first for _ in range(3)] == [True] * 3
    assert looks == [tmp_path]


def test_a_list_of_a_second_that_has_not_ended_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "counter_1.db").touch()
    settle(tmp_path)
    looks = count_looks(monkeypatch)
    monkeypatch.setattr(time, "time_ns", lambda: LONG_AGO * 10**9 + 10**9)
    list_directory(tmp_path)
    so_far = len(looks)
    list_directory(tmp_path)
    assert len(looks) > so_far


@pytest.mark.parametrize("settled", [True, False])
def test_what_came_or_went_is_seen_at_once(tmp_path: Path, settled: bool) -> None:
    (tmp_path / "counter_1.db").touch()
    if settled:
        settle(tmp_path)
    assert names(tmp_path) == {"counter_1.db"}
    (tmp_path / "counter_2.db").touch()
    assert names(tmp_path) == {"counter_1.db", "counter_2.db"}
    (tmp_path / "counter_1.db").rename(tmp_path / "counter_3.db")
    assert names(tmp_path) == {"counter_2.db", "counter_3.db"}
    (tmp_path / "counter_2.db").unlink()
    assert names(tmp_path) == {"counter_3.db"}


def test_a_file_that_took_anothers_name_is_another(tmp_path: Path) -> None:
    (tmp_path / "counter_1.db").touch()
    settle(tmp_path)
    before = list_directory(tmp_path)
    (tmp_path / "new").touch()
    (tmp_path / "new").replace(tmp_path / "counter_1.db")
    after = list_directory(tmp_path)
    assert names(tmp_path) == {"counter_1.db"}
    assert after is not before
    assert after.entries != before.entries


def test_a_directory_that_does_not_say_that_it_changed_is_looked_at_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(tmp_path)
    status = os.stat(tmp_path)  # noqa: PTH116
    monkeypatch.setattr(os, "stat", lambda *_, **__: status)
    assert names(tmp_path) == set()
    (tmp_path / "counter_1.db").touch()
    assert [len(names(tmp_path)) for _ in range(4)] == [0, 0, 0, 1]


def test_leases_and_metric_files_are_told_apart(tmp_path: Path) -> None:
    for name in ("counter_1.db", "1.lease", "compacted.json"):
        (tmp_path / name).touch()
    found = list_directory(tmp_path)
    assert found.leases == ("1.lease",)
    assert [name for name, _ in found.metric_files] == ["counter_1.db"]


def test_where_no_directory_is_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "counter_1.db").touch()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert list_directory(tmp_path / "none") is NOTHING
    assert list_directory(tmp_path / "file") is NOTHING
    assert list_directory(tmp_path / "file" / "below") is NOTHING
    assert list_directory(tmp_path / "link") is NOTHING
    assert list_directory(tmp_path / "link", through_link=True).metric_files
