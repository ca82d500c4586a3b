"""CPU per HTTP probe over a fresh connection: ours, blackbox_exporter's, and aiohttp's bare.

    python benchmarks/probes.py [--probes 4000] [--rounds 3]

All of them fetch the same page from the same server, a process of its own on loopback, 16 at a time, in
turns. A figure is a process's own CPU time, user and system, without its start and its warm-up. What asks
blackbox_exporter to probe is not counted; that it answers in metrics is, as it has no other way to probe.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

CONCURRENT = 16
WARM_UP = 200
TARGET_RATIO = 0.5
CHUNK_BORDER = re.compile(rb"\r\n[0-9a-f]+\r\n")
NAMES = ("prometheus-blackbox-exporter", "blackbox_exporter")
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
MODULES = """\
modules:
  http_2xx:
    prober: http
    timeout: 5s
"""

ProbeOnce = Callable[[], Awaitable[None]]


async def serve() -> None:
    class Page(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._transport = transport

        def data_received(self, data: bytes) -> None:
            if data.endswith(b"\r\n\r\n"):
                assert isinstance(self._transport, asyncio.Transport)
                self._transport.write(PAGE)
                self._transport.close()

    server = await asyncio.get_running_loop().create_server(Page, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def ours(url: str) -> ProbeOnce:
    from sidecar.probes import HttpOptions, HttpProbe

    probe = HttpProbe("target", HttpOptions.model_validate({"url": url}))

    async def once() -> None:
        result = await probe.run()
        assert result.success, result
        assert result.http is not None
        assert len(result.http.phase_seconds) == 4

    return once


def bare_aiohttp(url: str) -> ProbeOnce:
    import aiohttp

    async def once() -> None:
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as response:
            assert response.status == 200
            await response.read()

    return once


async def measure(once: ProbeOnce, probes: int) -> float:
    """Seconds of this process's CPU per probe."""
    await repeat(once, WARM_UP)
    before = time.process_time()
    await repeat(once, probes)
    return (time.process_time() - before) / probes


async def repeat(once: ProbeOnce, times: int) -> None:
    left = iter(range(times))

    async def worker() -> None:
        for _ in left:
            await once()

    async with asyncio.timeout(120):
        await asyncio.gather(*(worker() for _ in range(CONCURRENT)))


def measured_apart(peer: str, url: str, probes: int) -> float:
    command = [sys.executable, __file__, "--measure", peer, "--url", url, "--probes", str(probes)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=180).stdout)


class Blackbox:
    def __init__(self, pid: int, port: int, url: str) -> None:
        self._pid = pid
        self._port = port
        self._query = f"GET /probe?target={url}&module=http_2xx HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    def measure(self, probes: int) -> float:
        """Seconds of its CPU per probe, asked over connections that are kept."""
        asyncio.run(self._ask(WARM_UP))
        before = self._cpu_seconds()
        asyncio.run(self._ask(probes))
        return (self._cpu_seconds() - before) / probes

    def _cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def _ask(self, times: int) -> None:
        left = iter(range(times))

        async def worker() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
            with contextlib.closing(writer):
                for _ in left:
                    writer.write(self._query)
                    head = (await reader.readuntil(b"\r\n\r\n")).lower()
                    if b"transfer-encoding: chunked" in head:
                        body = CHUNK_BORDER.sub(b"", await reader.readuntil(b"\r\n0\r\n\r\n"))
                    else:
                        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                        body = await reader.readexactly(length)
                    assert b"\nprobe_success 1" in body

        async with asyncio.timeout(120):
            await asyncio.gather(*(worker() for _ in range(CONCURRENT)))


@contextlib.contextmanager
def running(command: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, text=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def blackbox_exporter(program: str, url: str) -> Iterator[Blackbox]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        modules = Path(folder, "blackbox.yml")
        modules.write_text(MODULES)
        command = [program, f"--config.file={modules}", f"--web.listen-address=127.0.0.1:{port}"]
        with running(command, stderr=subprocess.DEVNULL) as process:
            _wait_for(port)
            yield Blackbox(process.pid, port, url)


def _wait_for(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError("blackbox_exporter did not start")


def compare(program: str, probes: int, rounds: int) -> int:
    seconds: dict[str, list[float]] = {"ours": [], "blackbox_exporter": [], "aiohttp": []}
    with running([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/"
        with blackbox_exporter(program, url) as blackbox:
            for _ in range(rounds):
                seconds["ours"].append(measured_apart("ours", url, probes))
                seconds["blackbox_exporter"].append(blackbox.measure(probes))
                seconds["aiohttp"].append(measured_apart("aiohttp", url, probes))
        server.stdout.close()
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    titles = {
        "ours": "ours: HttpProbe.run, phases and all",
        "blackbox_exporter": "blackbox_exporter: /probe",
        "aiohttp": "aiohttp: a bare GET, no phases",
    }
    print(
        f"CPU per probe over a fresh connection: {probes} probes, {CONCURRENT} at a time, {rounds} rounds\n"
    )
    print(f"{'':<38}{'median':>10}{'lowest':>10}{'highest':>10}{'ratio':>8}")
    for name, title in titles.items():
        low, high = min(seconds[name]), max(seconds[name])
        ratio = medians[name] / medians["blackbox_exporter"]
        figures = "".join(f"{each * 1e6:>7.0f} µs" for each in (medians[name], low, high))
        print(f"{title:<38}{figures}{ratio:>7.2f}×")
    ratio = medians["ours"] / medians["blackbox_exporter"]
    verdict = "holds" if ratio <= TARGET_RATIO else "MISSED"
    print(f"\nours / blackbox_exporter = {ratio:.2f}×, at most {TARGET_RATIO}× is wanted: {verdict}")
    return 0 if ratio <= TARGET_RATIO else 1


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--probes", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--measure", choices=("ours", "aiohttp"), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    probes = min(max(options.probes, 100), 20_000)
    if options.serve:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve())
        return 0
    if options.measure is not None:
        peer = {"ours": ours, "aiohttp": bare_aiohttp}[options.measure]
        print(asyncio.run(measure(peer(options.url), probes)))
        return 0
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        print(f"skipped: {NAMES[0]} is not installed")
        return 0
    return compare(program, probes, min(max(options.rounds, 1), 10))


if __name__ == "__main__":
    sys.exit(main())
