"""circuitbreaker's own tests, from its sdist, with `Breaker` in the place of its class."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

RELEASE = "circuitbreaker==2.1.3"
TESTS = 63
DOWNLOAD_SECONDS = 120
ROOT = Path(__file__).parents[2]

PLUGIN = """\
import functools

import circuitbreaker
import pytest

from pipeline.breaker import Breaker

made = []


class Substitute(Breaker):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        made.append(self)


circuitbreaker.CircuitBreaker = Substitute
circuitbreaker.circuit = functools.partial(circuitbreaker.circuit, cls=Substitute)


@pytest.fixture(autouse=True)
def the_class_as_it_was():
    # The suite assigns `CircuitBreaker.opened` and never puts it back.
    yield
    if "opened" in vars(Substitute):
        del Substitute.opened


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"{len(made)} breakers were ours")
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the suite's tests, downloaded anew: it is not ours to copy."""
    folder = tmp_path_factory.mktemp("circuitbreaker")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-binary", ":all:", "--no-deps", "--dest", str(folder), RELEASE]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        reason = f"{RELEASE} could not be downloaded: {error.stderr!s}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as contents:
        contents.extractall(folder, filter="data")
    (tests,) = folder.glob("*/tests")
    return tests


def test_the_whole_suite_passes(suite: Path) -> None:
    (suite / "substitute_breaker.py").write_text(PLUGIN)
    command = [sys.executable, "-m", "pytest", "-p", "substitute_breaker", "-c", os.devnull]
    command += ["--rootdir", str(suite), "-o", "asyncio_mode=auto", "-p", "no:cacheprovider", str(suite)]
    paths = os.pathsep.join((str(suite), str(ROOT)))
    environment = {**os.environ, "PYTHONPATH": paths}
    outcome = subprocess.run(command, env=environment, cwd=suite, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout[-4000:] + outcome.stderr[-2000:]
    assert f"{TESTS} passed" in outcome.stdout
    made = re.search(r"(\d+) breakers were ours", outcome.stdout)
    assert made is not None
    assert int(made[1]) > TESTS / 2
