from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.layers.outbox import Outbox, OutboxFullError


def ids(outbox: Outbox, at_most: int = 10) -> list[str]:
    return [record["_id"] for record in outbox.waiting(at_most=at_most)]


def test_what_waits_longest_comes_first(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    assert ids(outbox) == []
    for age, name in enumerate(("c", "a", "b")):
        outbox.put({"_id": name})
        os.utime(tmp_path / "outbox" / f"{name}.json", (1_000 + age, 1_000 + age))
    assert ids(outbox) == ["c", "a", "b"]
    assert ids(outbox, at_most=1) == ["c"]
    outbox.remove({"_id": "c"})
    outbox.remove({"_id": "c"})
    assert ids(outbox) == ["a", "b"]


def test_a_record_takes_the_place_of_the_older_one_of_its_job(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, max_records=1)
    outbox.put({"_id": "a", "value": 1})
    outbox.put({"_id": "a", "value": 2})
    assert outbox.waiting(at_most=9) == [{"_id": "a", "value": 2}]


def test_a_record_that_came_while_the_older_one_was_saved_waits_on(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.put({"_id": "a", "value": 1})
    (saved,) = outbox.waiting(at_most=9)
    outbox.put({"_id": "a", "value": 2})
    outbox.remove(saved)
    assert outbox.waiting(at_most=9) == [{"_id": "a", "value": 2}]


def test_only_so_many_wait(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, max_records=2)
    outbox.put({"_id": "a"})
    outbox.put({"_id": "b"})
    with pytest.raises(OutboxFullError, match="2 records wait already"):
        outbox.put({"_id": "c"})
    assert sorted(ids(outbox)) == ["a", "b"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"_id": "other"}', b"[" * 100_000, b"\xff"])
def test_what_is_no_record_is_set_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert ids(Outbox(tmp_path)) == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.bad"]


@pytest.mark.parametrize("name", ["../a", "", ".a", "a/b"])
def test_an_id_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no file name"):
        Outbox(tmp_path).put({"_id": name})
