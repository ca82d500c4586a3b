"""`python -m pipeline.demo` as a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest

from pipeline.demo.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-m", "pipeline.demo"]


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, "openai"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        yield started
        started.kill()


@pytest.mark.e2e
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_a_second_even_with_a_hung_request(
    process: subprocess.Popen[str], stop: signal.Signals
) -> None:
    assert process.stdout is not None
    ready = process.stdout.readline()
    assert ready.startswith("openai listening on http://127.0.0.1:")
    url = ready.split()[-1]
    order = Request(f"{url}/_fault", data=b'{"mode": "hang"}', method="PUT")  # noqa: S310
    with urlopen(order, timeout=5) as response:  # noqa: S310
        assert response.status == 200
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    with (
        socket.create_connection(address, timeout=5) as hung,
        socket.create_connection(address) as unfinished,
    ):
        hung.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        unfinished.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        time.sleep(0.05)
        process.send_signal(stop)
        output, errors = process.communicate(timeout=1)
    assert (process.returncode, output, errors) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["gemini"], "invalid choice: 'gemini'"),
        ([], "the following arguments are required: NAME"),
        (["openai", "--listen", "nonsense"], "'nonsense' is not HOST:PORT with a port from 0 to 65535"),
        (["openai", "--listen", "127.0.0.1:70000"], "is not HOST:PORT"),
        (["openai", "--listen", "127.0.0.1:-1"], "is not HOST:PORT"),
    ],
)
def test_a_wrong_argument_is_one_line_and_status_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert line in written.err
    assert written.err.count("\n") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "no.such.host.invalid"])
def test_an_address_it_cannot_listen_on_is_one_line_and_status_2(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["openai", "--listen", f"{host}:{port}"]) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert f"cannot listen on {host}:{port}: " in written.err
    assert written.err.count("\n") == 1
