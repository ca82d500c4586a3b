from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from pipeline.jobs import (
    MAX_POSTING_BYTES,
    Job,
    UsageError,
    find_sources,
    printable,
    read_job,
)


def write(path: Path, content: bytes | str = "# Cook at Inn") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_directory_stands_for_its_postings_in_order_of_name(tmp_path: Path) -> None:
    for name in ("b.md", "a.txt", "C.MD", "notes.pdf", "inner/d.md"):
        write(tmp_path / name)
    assert [source.name for source in find_sources([tmp_path])] == ["C.MD", "a.txt", "b.md"]


def test_file_that_is_named_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    assert find_sources([write(tmp_path / "posting")]) == [tmp_path / "posting"]


def test_file_that_is_named_twice_is_one_job(tmp_path: Path) -> None:
    file = write(tmp_path / "a.md")
    (tmp_path / "link.md").symlink_to(file)
    assert find_sources([file, tmp_path, tmp_path / "." / "a.md"]) == [file]


def test_paths_that_are_missing_are_left_out_alone_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "empty").mkdir()
    file = write(tmp_path / "here" / "a.md")
    left_out: list[UsageError] = []
    paths = [tmp_path / name for name in ("away", "here", "empty", "gone", "here/a.md")]
    assert find_sources(paths, may_be_empty=True, leave_out=left_out.append) == [file]
    assert ["away" in str(left_out[0]), "gone" in str(left_out[1]), len(left_out)] == [True, True, 2]


def test_path_that_gives_no_job_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    os.mkfifo(tmp_path / "pipe")
    write(tmp_path / "file")
    for name, rule in {
        "missing": "does not exist",
        "none": "holds no posting",
        "pipe": "is neither a file nor a directory",
        "line\nbreak": "does not exist",
        "file/below": "does not exist",
        "nul\0": "PATH",
        "n" * 300: "cannot be read: File name too long",
    }.items():
        with pytest.raises(UsageError, match=rule) as raised:
            find_sources([tmp_path / name])
        assert str(raised.value).startswith("PATH: ")
        assert "; " in str(raised.value)
        assert "\n" not in str(raised.value)


def test_id_is_the_same_for_the_same_file_and_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "a.md")
    first = read_job(file).id
    monkeypatch.chdir(tmp_path)
    assert read_job(Path("a.md")).id == first
    assert read_job(write(tmp_path / "copy.md")).id != first
    write(file, "# Cook at Other Inn")
    assert read_job(file).id != first


def test_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    assert read_job(write(tmp_path / "a.md", "\ufeff# Zoë")).text == "# Zoë"


def test_posting_of_the_largest_size_is_read(tmp_path: Path) -> None:
    assert read_job(write(tmp_path / "a.md", b"a" * MAX_POSTING_BYTES)).unreadable is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b"%PDF\0\1", "is binary"),
        ("Zoë".encode("latin-1"), "is not UTF-8 (byte 2)"),
        (b"a" * (MAX_POSTING_BYTES + 1), "is longer than 1048576 bytes"),
    ],
)
def test_file_without_text_is_a_job_that_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    job = read_job(write(tmp_path / "a.md", content))
    assert job.text is None
    assert reason in (job.unreadable or "")


def test_file_that_vanished_is_a_job_that_says_why(tmp_path: Path) -> None:
    job = read_job(tmp_path / "gone.md")
    assert job.text is None
    assert job.unreadable == "the file cannot be read: No such file or directory"


class Found(BaseModel):
    """One layer's result."""


class Other(BaseModel):
    """Another's."""


def test_result_is_found_by_its_model_and_is_a_lookup_error_before_its_layer_has_run() -> None:
    job = Job(id="1", source="a.md", text="")
    job.results["other"] = Other()
    with pytest.raises(LookupError, match="no layer has given a Found"):
        job.result(Found)
    found = job.results["found"] = Found()
    assert job.result(Found) is found


def test_job_is_degraded_once_for_the_same_reason() -> None:
    job = Job(id="1", source="a.md", text="")
    job.degrade("no contacts")
    job.degrade("no contacts")
    assert job.degradations == ["no contacts"]


def test_printable_escapes_what_steers_a_terminal() -> None:
    assert printable("Zoë\n\x1b[2J\udc80") == r"Zoë\n\x1b[2J\udc80"
