"""The command's arguments and settings, and the line that tells of a mistake in them."""

from __future__ import annotations

import sys

import pytest

from pipeline.cli import main
from tests.pipeline.cli.conftest import posting


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "pipeline: the following arguments are required: COMMAND"),
        (["run"], "pipeline run: PATH: there is none; name a posting"),
        (["run", "-", "--every", "1"], "pipeline run: PATH: - can be read only once; leave out --every"),
        (["run", "x", "--from-mongodb", "c"], "pipeline run: PATH: there are paths and --from-mongodb"),
        (["run", "--from-mongodb", "c", "--again"], "pipeline run: --again: is for paths; to run a record"),
        (["run", "--from-mongodb", "c"], "pipeline run: --from-mongodb: MONGODB_URI is not set"),
        (["run", "mongodb://u:p@host/db"], "pipeline run: PATH: a MongoDB URI would show its password"),
        (["run", "--from-mongodb", "a$b"], "pipeline run: argument --from-mongodb: 'a$b' is no name"),
        (
            ["run", "cook.md", "--log-format", "xml"],
            "pipeline run: argument --log-format: invalid choice: 'xml'",
        ),
        (["run", "missing.md"], "pipeline run: PATH: missing.md does not exist; name a posting"),
        (
            ["run", "cook.md", "--concurrency", "0"],
            "pipeline run: argument --concurrency: '0' is not a whole number from 1 to 1000",
        ),
        (["run", "cook.md", "--concurrency", "9" * 5000], "pipeline run: argument --concurrency: '999"),
        (
            ["run", "cook.md", "--every", "0"],
            "pipeline run: argument --every: '0' is not a number of seconds above 0",
        ),
        (["run", "cook.md", "--every", "nan"], "pipeline run: argument --every: 'nan' is not"),
        (
            ["run", "cook.md", "--output", "cook.md/below"],
            "pipeline run: --output: cook.md/below cannot be written: Not a directory; name a directory",
        ),
        (["run", "cook.md", "--output", "cook.md"], "pipeline run: --output: cook.md cannot be written"),
    ],
)
def test_usage_error_is_one_line_and_status_2(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    posting()
    try:
        status: object = main(arguments)
    except SystemExit as stopped:
        status = stopped.code
    out, err = capsys.readouterr()
    assert status == 2
    assert err.startswith(problem)
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.usefixtures("stand_ins")
def test_every_bad_setting_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OPENROUTER_API_KEY")
    monkeypatch.delenv("PDF_SERVICE_URL")
    assert main(["run", posting()]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1] for line in lines] == [" LLM_PROVIDERS", " PDF_SERVICE_URL"]


@pytest.mark.usefixtures("stand_ins")
def test_spool_that_cannot_be_written_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIDECAR_SPOOL", posting())
    assert main(["run", "cook.md"]) == 2
    assert capsys.readouterr().err.startswith("pipeline run: SIDECAR_SPOOL: spool cook.md: ")


@pytest.mark.usefixtures("stand_ins")
def test_missing_sdk_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [*sys.modules]:
        if name.startswith(("pipeline.providers", "pipeline.layers", "pipeline.runner")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "openai", None)
    assert main(["run", posting()]) == 2
    assert capsys.readouterr().err == (
        "pipeline run: openai is not installed; run pip install 'pipeline-sidecar[providers]'\n"
    )


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("pipeline 0.")
