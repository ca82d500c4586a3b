"""What `pipeline run` makes of postings, and what it says of it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

from pipeline.cli import main
from tests.pipeline.cli.conftest import EXAMPLES, POSTING, StandIns, posting


@pytest.mark.usefixtures("stand_ins")
def test_example_postings_become_dossiers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(EXAMPLES)]) == 0
    dossiers = sorted(Path("output").glob("*/dossier.pdf"))
    assert len(dossiers) == 3
    text = PdfReader(io.BytesIO(dossiers[1].read_bytes())).pages[0].extract_text()
    assert "Nordlink Parcel" in text
    out, err = capsys.readouterr()
    assert "3 jobs: 3 succeeded; 0.0" in out
    assert "cover_letter.md, dossier.pdf" in out
    assert err.count("job.succeeded") == 3


def test_summary_states_what_the_provider_charged(
    stand_ins: StandIns, capsys: pytest.CaptureFixture[str]
) -> None:
    before_usd = stand_ins.cost_usd()
    main(["run", posting()])
    assert f"; {stand_ins.cost_usd() - before_usd:.6f} USD" in capsys.readouterr().out


@pytest.mark.usefixtures("stand_ins")
def test_bad_posting_fails_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", posting("empty.md", ""), posting(), "--output", "deep/er"]) == 1
    out, err = capsys.readouterr()
    assert "2 jobs: 1 succeeded, 1 failed" in out
    assert "intake: the file is empty; put the posting into it" in out
    assert err.count("job.failed") == 1
    assert len(list(Path("deep/er").glob("cook*"))) + len(list(Path("deep/er").glob("old-inn-cook-*"))) == 1


def test_failing_provider_fails_the_job_and_shows_no_secret(
    stand_ins: StandIns, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_ins.fault(mode="fail", status=401)
    assert main(["run", posting()]) == 1
    out, err = capsys.readouterr()
    assert "pain_points: openrouter: status 401" in out
    for hidden in ("SECRET", "kitchen", "Traceback", "/_fault"):
        assert hidden not in out + err


@pytest.mark.usefixtures("stand_ins")
def test_counts_are_in_the_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDECAR_SPOOL", "spool")
    assert main(["run", posting()]) == 0
    (counters,) = Path("spool").glob("counter_*.db")
    assert b"pipeline_jobs_total" in counters.read_bytes()


@pytest.mark.usefixtures("stand_ins")
def test_posting_comes_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(POSTING.encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["run", "-"]) == 0
    assert "[1/1] succeeded" in capsys.readouterr().out


@pytest.mark.usefixtures("stand_ins")
def test_job_that_is_done_is_left_out_unless_asked_for_again(
    stand_ins: StandIns, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", posting()]) == 0
    before_usd = stand_ins.cost_usd()
    assert main(["run", "cook.md"]) == 0
    assert "1 job: 1 succeeded (1 of them before); 0.000000 USD" in capsys.readouterr().out
    assert stand_ins.cost_usd() == before_usd
    assert main(["run", "cook.md", "--again"]) == 0
    assert stand_ins.cost_usd() > before_usd


@pytest.mark.usefixtures("stand_ins")
def test_log_events_are_json_on_request_with_job_and_layer(
    stand_ins: StandIns, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_ins.fault(mode="fail", status=401)
    assert main(["run", posting(), "--log-format", "json"]) == 1
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    started, failed = events[0], events[-1]
    assert (started["event"], started["source"]) == ("job.started", "cook.md")
    assert (failed["event"], failed["job"], failed["layer"]) == ("job.failed", started["job"], "pain_points")
    assert failed["timestamp"].endswith("Z")
