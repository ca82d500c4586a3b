"""How the command ends when a signal stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from pipeline.cli import main
from tests.pipeline.cli.conftest import StandIns, posting

PROGRAM = "import sys; from pipeline.cli import main; sys.exit(main())"


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
