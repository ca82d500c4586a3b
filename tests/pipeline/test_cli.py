from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from pypdf import PdfReader

from pipeline.cli import main
from pipeline.demo.stand_ins import create_app
from pipeline.ledger import LedgerSettings
from pipeline.ledger.opening import open_budget

# The whole command, through real sockets to the stand-ins.

EXAMPLES = Path(__file__).parents[2] / "examples" / "postings"
POSTING = "# Cook at Old Inn\n\nThe kitchen burns down every night.\n"
PROGRAM = "import sys; from pipeline.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class StandIns:
    """Both providers, in a loop and thread of their own: `main` needs the main thread."""

    openrouter: str
    pdf_service: str
    arrived: threading.Semaphore

    def signal_after(self, requests: int, number: int) -> None:
        """Send this process a signal as soon as so many more requests have come to the model."""
        while self.arrived.acquire(blocking=False):
            pass

        def wait_and_send() -> None:
            if all(self.arrived.acquire(timeout=5) for _ in range(requests)):
                os.kill(os.getpid(), number)

        threading.Thread(target=wait_and_send, daemon=True).start()

    def fault(self, **fault: object) -> None:
        self._ask("PUT", "/_fault", json.dumps(fault).encode())

    def heal(self) -> None:
        self._ask("DELETE", "/_fault")

    def cost_usd(self) -> float:
        cost: float = json.loads(self._ask("GET", "/_calls"))["cost_usd"]
        return cost

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.openrouter + path, body, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            content: bytes = response.read()
        return content


@pytest.fixture(scope="module")
def served() -> Iterator[StandIns]:
    loop = asyncio.new_event_loop()
    runners: list[web.AppRunner] = []
    arrived = threading.Semaphore(0)

    @web.middleware
    async def notice(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.endswith("/chat/completions"):
            arrived.release()
        return await handler(request)

    async def start(name: str) -> str:
        app = create_app(name)
        app.middlewares.insert(0, notice)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def in_loop(name: str) -> str:
        return asyncio.run_coroutine_threadsafe(start(name), loop).result(5)

    yield StandIns(in_loop("openrouter"), in_loop("pdf_service"), arrived)
    for runner in runners:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@pytest.fixture
def stand_ins(served: StandIns, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIns]:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-SECRET")
    monkeypatch.setenv("OPENROUTER_BASE_URL", f"{served.openrouter}/api/v1")
    monkeypatch.setenv("PDF_SERVICE_URL", served.pdf_service)
    monkeypatch.setenv("CANDIDATE_CV", str(EXAMPLES.parent / "cv.md"))
    monkeypatch.delenv("SIDECAR_SPOOL", raising=False)
    monkeypatch.chdir(tmp_path)
    yield served
    served.heal()


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.getLogger("pipeline").setLevel(logging.NOTSET)
    structlog.reset_defaults()


def posting(name: str = "cook.md", text: str = POSTING) -> str:
    Path(name).write_text(text)
    return name


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


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_the_running_jobs_as_cancelled(
    stand_ins: StandIns, number: int, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_ins.fault(mode="hang")
    names = [posting(f"{place}.md") for place in range(3)]
    stand_ins.signal_after(2, number)
    assert main(["run", *names, "--concurrency", "2"]) == status
    out, err = capsys.readouterr()
    assert "3 jobs: 2 cancelled, 1 not started; " in out
    assert err.count("job.cancelled") == 2
    assert "Traceback" not in err


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", [["budget", "history", "--json"], ["--help"], ["budget", "--help"]])
def test_a_result_that_cannot_be_written_is_one_line_and_status_1(
    command: list[str], unbuffered: str, tmp_path: Path
) -> None:
    ledger = open_budget(LedgerSettings(budget_nano_usd=10**9, directory=tmp_path))
    assert ledger is not None
    asyncio.run(ledger.close())
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": unbuffered,
        "TOKEN_BUDGET_USD": "1",
        "LEDGER_DIRECTORY": str(tmp_path),
    }
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "pipeline", *command],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=20,
        )
    assert ended.returncode == 1
    assert ended.stderr == "standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("loading", ["pipeline.commands", "pipeline.settings"])
def test_ctrl_c_while_the_command_is_loaded_leaves_no_traceback(loading: str) -> None:
    program = (
        "import os, signal, sys\n"
        "from pipeline.cli import main\n"
        f"assert {loading!r} not in sys.modules\n"
        "class Finder:\n"
        "    def find_spec(self, name, path, target=None):\n"
        f"        if name == {loading!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "sys.exit(main(['run', 'missing']))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=20)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")


def test_every_starts_over_until_stopped(stand_ins: StandIns, capsys: pytest.CaptureFixture[str]) -> None:
    stand_ins.signal_after(11, signal.SIGTERM)
    assert main(["run", posting(), "--every", "0.01"]) == 143
    assert capsys.readouterr().out.count("1 job: 1 succeeded") >= 2


def test_process_stopped_by_a_signal_leaves_no_traceback_and_whole_counts(stand_ins: StandIns) -> None:
    stand_ins.fault(mode="hang")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "run", posting()],
        env={**os.environ, "SIDECAR_SPOOL": "spool"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "job.started" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=5)
    assert process.returncode == 143
    assert "1 job: 1 cancelled" in out
    assert "Traceback" not in err


@pytest.mark.usefixtures("stand_ins")
def test_thread_that_hangs_does_not_hold_up_the_end() -> None:
    program = (
        "import time, pipeline.cli, pipeline.commands.run as run, pipeline.layers.publish as publish;"
        "run._STOP_WITHIN_SECONDS = 0.2;"
        "publish.write_whole = lambda path, content: (print('hangs', flush=True), time.sleep(60));"
        "raise SystemExit(pipeline.cli.main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "run", posting()], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "hangs\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=3)
    assert process.returncode == 130


@pytest.mark.usefixtures("stand_ins")
def test_reader_of_the_summary_may_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    redirected: list[int] = []
    monkeypatch.setattr(os, "dup2", lambda _, number: redirected.append(number))
    with monkeypatch.context() as patch:
        stdout = os.fdopen(writing, "w")
        patch.setattr(sys, "stdout", stdout)
        assert main(["run", posting()]) == 1
    assert redirected == [1]
    with pytest.raises(BrokenPipeError):
        stdout.close()


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
