"""1,000 dependencies at a 10 s interval for two minutes: how late probes start, and how much memory it takes.

    python benchmarks/scale.py [--dependencies N] [--seconds S]

One process serves the targets, another is the sidecar, as `sidecar run` starts it; what is printed comes
from the sidecar's own /metrics and from the kernel.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from multiprocessing import Process, Queue
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

INTERVAL_SECONDS = 10


def serve_targets(ports: Queue[int]) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=2048).start()
        ports.put(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(serve())


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def ready_after(url: str, started: float) -> float:
    while True:
        try:
            if (await get(f"{url}/readyz"))[0] == 200:
                return time.perf_counter() - started
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.01)


def quantile_bound(buckets: dict[float, float], share: float) -> float:
    """The upper bound of the bucket in which the quantile lies."""
    total = max(buckets.values())
    return min(bound for bound, count in buckets.items() if count >= share * total)


async def measure(dependencies: int, seconds: float) -> None:
    ports: Queue[int] = Queue()
    targets = Process(target=serve_targets, args=(ports,), daemon=True)
    targets.start()
    target = f"http://127.0.0.1:{ports.get()}/"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "sidecar.yml"
        rows = "".join(f"  d{number}: {{kind: http, url: '{target}'}}\n" for number in range(dependencies))
        config.write_text(f"interval_seconds: {INTERVAL_SECONDS}\ndependencies:\n{rows}")
        started = time.perf_counter()
        sidecar = await asyncio.create_subprocess_exec(
            sys.executable,
            *(
                "-m",
                "sidecar",
                "--log-level",
                "error",
                "run",
                "--config",
                str(config),
                "--listen",
                "127.0.0.1:9748",
            ),
        )
        try:
            await report(sidecar.pid, "http://127.0.0.1:9748", started, seconds)
        finally:
            sidecar.send_signal(signal.SIGTERM)
            await sidecar.wait()
            targets.kill()


async def report(pid: int, url: str, started: float, seconds: float) -> None:
    ready_seconds = await ready_after(url, started)
    before = cpu_seconds(pid)
    await asyncio.sleep(seconds)
    cpu = cpu_seconds(pid) - before
    scrape_started = time.perf_counter()
    _, text = await get(f"{url}/metrics")
    scrape_seconds = time.perf_counter() - scrape_started
    families: dict[str, Any] = {family.name: family for family in text_string_to_metric_families(text)}
    delays = {
        float(sample.labels["le"]): sample.value
        for sample in families["sidecar_probe_start_delay_seconds"].samples
        if sample.name.endswith("_bucket")
    }
    runs = sum(sample.value for sample in families["probe_runs"].samples)
    missed = sum(sample.value for sample in families["probe_missed_runs"].samples)
    up = sum(sample.value for sample in families["probe_success"].samples)
    print(f"ready after              {ready_seconds:8.2f} s")
    print(f"runs                     {runs:8.0f}    missed {missed:.0f}, up {up:.0f}")
    print(f"start delay, p50         {quantile_bound(delays, 0.5):8g} s at most")
    print(f"start delay, p99         {quantile_bound(delays, 0.99):8g} s at most")
    print(f"resident memory          {resident_mib(pid):8.1f} MiB")
    print(f"CPU                      {100 * cpu / seconds:8.1f} % of one core")
    print(f"one scrape               {scrape_seconds:8.3f} s, {len(text) / 1024:.0f} KiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dependencies", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=120.0)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.dependencies, arguments.seconds))


if __name__ == "__main__":
    main()
