"""`pipeline budget`, on files of this host and on a server."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.ledger import LedgerSettings, Period
from pipeline.ledger.opening import open_budget
from tests.e2e.servers import MongoServer, free_port

LIMIT = 10**9


@pytest.fixture(params=["files", "server"])
def place(request: pytest.FixtureRequest, mongodb: MongoServer, tmp_path: Path) -> dict[str, str]:
    """Where the budget is kept, as variables."""
    if request.param == "files":
        return {"LEDGER_DIRECTORY": str(tmp_path)}
    return {"LEDGER_MONGODB_URI": f"{mongodb.uri}money"}


@pytest.fixture
def environment(place: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIDECAR_SPOOL", raising=False)
    for name, value in {"TOKEN_BUDGET_USD": "1", "TOKEN_BUDGET_PERIOD": "day", **place}.items():
        monkeypatch.setenv(name, value)


async def budget(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["budget", *arguments])


async def spend(place: dict[str, str], layer: str, nano_usd: int) -> None:
    directory = place.get("LEDGER_DIRECTORY")
    ledger = open_budget(
        LedgerSettings(
            budget_nano_usd=LIMIT,
            period=Period.DAY,
            directory=None if directory is None else Path(directory),
            mongodb_uri=place.get("LEDGER_MONGODB_URI"),
        )
    )
    assert ledger is not None
    await ledger.reserve_async(f"a call of {layer}", nano_usd, layer=layer, enforce=True)
    ledger.settle(f"a call of {layer}", nano_usd, layer=layer)
    await ledger.close()


@pytest.mark.usefixtures("environment")
async def test_show_history_and_reset(place: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    today = datetime.now(UTC).date()
    await spend(place, "intake", 250_000_000)
    await spend(place, "publish", 600_000_001)

    assert await budget("show") == 0
    shown = capsys.readouterr().out
    assert "1.000000 USD a day, enforced" in shown
    assert "0.850000 USD, 85.0%" in shown
    assert "warning" in shown

    assert await budget("show", "--json") == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document.pop("resets_at") > f"{today}"
    assert document == {
        "limit_usd": 1.0,
        "spent_usd": 0.850000001,
        "reserved_usd": 0.0,
        "remaining_usd": 0.149999999,
        "period": "day",
        "enforced": True,
        "state": "warning",
    }

    assert await budget("history") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [words[-2:] for words in lines[1:]] == [
        ["intake", "0.250000"],
        ["publish", "0.600000"],
        ["total", "0.850000"],
    ]
    assert await budget("history", "--days", "1", "--json") == 0
    history = json.loads(capsys.readouterr().out)
    assert [entry["layer"] for entry in history] == ["intake", "publish"]

    assert await budget("reset", "--yes") == 0
    assert "0.850000 of 1.000000 USD were spent" in capsys.readouterr().out
    assert await budget("show", "--json") == 0
    assert json.loads(capsys.readouterr().out)["spent_usd"] == 0
    assert await budget("history", "--json") == 0
    assert json.loads(capsys.readouterr().out) == history  # what was spent was spent


@pytest.mark.usefixtures("environment")
async def test_reset_asks_and_takes_only_yes(
    place: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await spend(place, "intake", 1000)

    assert await budget("reset") == 2
    assert "--yes" in capsys.readouterr().err

    for answer, status in {"\n": 1, "no\n": 1, "": 1, "y\n": 0}.items():
        terminal = io.StringIO(answer)
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", terminal)
        assert await budget("reset") == status
        assert "count from 0 again? [y/N]" in capsys.readouterr().err
        assert await budget("show", "--json") == 0
        spent_usd = json.loads(capsys.readouterr().out)["spent_usd"]
        assert spent_usd == (0 if status == 0 else 0.000001)


@pytest.mark.parametrize("action", ["show", "history", "reset"])
async def test_to_look_makes_no_ledger(
    action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEDGER_MONGODB_URI", raising=False)
    monkeypatch.setenv("TOKEN_BUDGET_USD", "1")
    monkeypatch.setenv("LEDGER_DIRECTORY", str(tmp_path))
    assert await budget(action) == 2
    assert f"{tmp_path} holds no budget.ledger" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "status", "message"),
    [
        ({}, 2, "TOKEN_BUDGET_USD: is not set"),
        ({"TOKEN_BUDGET_USD": "much"}, 2, "TOKEN_BUDGET_USD: 'much'"),
        ({"TOKEN_BUDGET_USD": "1"}, 2, "LEDGER_DIRECTORY: is not set, nor is LEDGER_MONGODB_URI"),
        ({"TOKEN_BUDGET_USD": "1", "LEDGER_DIRECTORY": "/proc/none"}, 2, "/proc/none holds no budget.ledger"),
        *(
            (
                {"TOKEN_BUDGET_USD": "1", "LEDGER_MONGODB_URI": uri},
                2,
                "LEDGER_MONGODB_URI: the value (not shown)",
            )
            for uri in (
                "mongodb://u:s3c@t@h/",
                "mongodb+srv://u:s3c%@a.b.c/",
                "mongodb://u:s3c@h/?tls=true&tlsCAFile=/none",
                "mongodb://h/?authMechanism=GSSAPI",
            )
        ),
        ({"TOKEN_BUDGET_USD": "1", "LEDGER_MONGODB_URI": "there"}, 1, "the ledger at 127.0.0.1:"),
    ],
)
async def test_a_mistake_is_one_line_and_no_secret(
    variables: dict[str, str],
    status: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TOKEN_BUDGET_USD", "SIDECAR_SPOOL", "LEDGER_DIRECTORY", "LEDGER_MONGODB_URI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        uri = f"mongodb://u:s3cret@127.0.0.1:{free_port()}/"
        monkeypatch.setenv(name, uri if value == "there" else value)

    assert await budget("show") == status

    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("pipeline budget: ")
    assert message in line
    assert "s3c" not in line
