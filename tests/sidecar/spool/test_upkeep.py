from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidecar.spool.holders import Holders
from sidecar.spool.upkeep import Upkeep, UpkeepReport, bytes_on_disk
from tests.sidecar.spool.spools import counter, dead_worker, total, write


def upkeep(spool: Path) -> UpkeepReport:
    report = Upkeep(spool, foreign_max_age_seconds=1e9, look=lambda _probe, _workers: Holders()).run()
    assert report is not None
    return report


def test_a_spool_that_is_itself_a_link_is_kept_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    link = tmp_path / "link"
    link.symlink_to("spool")
    for number in range(2):
        dead_worker(link, f"w{number}", counter(1))
        assert upkeep(link).merged == 1
    (link / "compacted.json").unlink()
    upkeep(link)
    assert (link / "compacted.json").exists()
    assert total(link) == 2


def test_a_directory_that_may_not_be_read_costs_its_size_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file system's `lost+found`."""
    write(tmp_path / "counter_1.db", counter(1))
    without = bytes_on_disk(tmp_path)
    hidden = tmp_path / "lost+found"
    hidden.mkdir()
    (hidden / "file").write_bytes(bytes(10_000))
    scandir = os.scandir

    def refusing(path: Path) -> object:
        if path == hidden:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert bytes_on_disk(tmp_path) == without
    with pytest.raises(PermissionError):
        bytes_on_disk(hidden)
