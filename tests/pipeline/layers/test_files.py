from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.layers.files import write_whole


def test_a_file_takes_the_place_of_the_older_one_in_a_directory_that_is_made(tmp_path: Path) -> None:
    for content in (b"long and old", b"new"):
        write_whole(tmp_path / "a" / "b.md", content)
    assert [path.read_bytes() for path in (tmp_path / "a").iterdir()] == [b"new"]


def test_what_cannot_be_put_in_place_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "b.md" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "b.md", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["b.md"]
