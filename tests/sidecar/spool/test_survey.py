from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sidecar.cli import main
from sidecar.spool.holders import Holders
from sidecar.spool.upkeep import Upkeep
from tests.sidecar.spool.spools import counter, dead_worker, living_worker, write


@pytest.fixture(autouse=True)
def logs_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sets up its process's logs, which here are those of the other tests too."""
    monkeypatch.setattr("sidecar.logs.set_up_logs", lambda *_: None)


def nobody_holds(_probe: Path, _workers: set[str]) -> Holders:
    return Holders()


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sidecar.spool.survey.look_for_holders", nobody_holds)
    dead_worker(tmp_path, "old", counter(1))
    Upkeep(tmp_path, foreign_max_age_seconds=1e9, look=nobody_holds).run()
    dead_worker(tmp_path, "dead", counter(1), counter(2, outcome="\x1b[31m"))
    write(tmp_path / "counter_99999999.db", counter(1))
    (tmp_path / "gauge_1.db").touch()
    write(tmp_path / "bad" / "0123456789abcdef.counter_7.db")
    return tmp_path


def test_the_command_says_who_lives_and_what_was_set_aside(
    spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lease = living_worker(spool, "alive", counter(1))
    assert main(["spool", str(spool)]) == 0
    os.close(lease)
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split()[1:4] for line in lines if line}
    assert rows["alive"] == ["living", "1", "1"]
    assert rows["dead"] == ["dead", "1", "2"]
    assert rows["merged:"][:2] == ["1", "files,"]
    assert "unreadable: gauge_1.db: the name is not that of a metric file" in lines
    assert "set aside: bad/0123456789abcdef.counter_7.db" in lines


def test_the_command_prints_json(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(spool.rglob("*"))
    assert main(["spool", str(spool), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["workers"]["dead"] == "dead"
    assert document["files_by_worker"]["dead"]["series"] == 2
    assert document["generation"] == "000000000001"
    assert set(spool.rglob("*")) == before


def test_without_a_directory_the_command_takes_the_configured_one(
    spool: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIDECAR_SPOOL", str(spool))
    assert main(["spool"]) == 0
    assert capsys.readouterr().out.startswith(f"spool {spool}:")


@pytest.mark.parametrize("name", ["missing", "a-file"])
def test_no_spool_there_is_one_line_and_status_2(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a-file").touch()
    assert main(["spool", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"spool {tmp_path / name}: ")
    assert error.count("\n") == 1
