"""Requests a second and latency of what is served, under wrk; do the probes stay on schedule meanwhile?

    python benchmarks/http_load.py [--dependencies N] [--seconds S] [--connections N]

One process serves the targets, another is the sidecar, as `sidecar run` starts it. (Not http.py: a script's
folder comes first on the path, and the standard library's `http` would be gone for every benchmark.)
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import sys
import tempfile
from multiprocessing import Process, Queue
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from scale import cpu_seconds, get, quantile_bound, ready_after, resident_mib, serve_targets

URL = "http://127.0.0.1:9749"
INTERVAL_SECONDS = 1
REQUESTS = {
    "/api/health/status": (),
    "/api/health/status, gzip": ("Accept-Encoding: gzip",),
    "/metrics": (),
    "/, the page": ("Accept: text/html",),
    "/, the page, gzip": ("Accept: text/html", "Accept-Encoding: gzip"),
    "/badge.svg": (),
}

RATE, ERRORS = r"Requests/sec: *([\d.]+)", r"Non-2xx or 3xx responses: (\d+)"
P50, P99 = r"50% +(\S+)", r"99% +(\S+)"


async def load(wrk: str, path: str, headers: tuple[str, ...], connections: int, seconds: int) -> str:
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    for header in headers:
        command += ["-H", header]
    process = await asyncio.create_subprocess_exec(*command, URL + path, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode()


def figure(output: str, pattern: str, none: str = "–") -> str:
    found = re.search(pattern, output)
    return found[1] if found else none


async def probe_figures() -> tuple[dict[float, float], float, float]:
    """Start delays by bucket, runs, missed runs."""
    _, text = await get(f"{URL}/metrics")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    delays = {
        float(sample.labels["le"]): sample.value
        for sample in families["sidecar_probe_start_delay_seconds"].samples
        if sample.name.endswith("_bucket")
    }
    runs = sum(sample.value for sample in families["probe_runs"].samples)
    missed = sum(sample.value for sample in families["probe_missed_runs"].samples)
    return delays, runs, missed


async def measure(wrk: str, dependencies: int, connections: int, seconds: int) -> None:
    ports: Queue[int] = Queue()
    targets = Process(target=serve_targets, args=(ports,), daemon=True)
    targets.start()
    target = f"http://127.0.0.1:{ports.get()}/"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "sidecar.yml"
        rows = "".join(f"  d{number}: {{kind: http, url: '{target}'}}\n" for number in range(dependencies))
        config.write_text(
            f"interval_seconds: {INTERVAL_SECONDS}\ntimeout_seconds: {INTERVAL_SECONDS}\n"
            f"dependencies:\n{rows}"
        )
        command = ("-m", "sidecar", "--log-level", "error", "run", "--config", str(config))
        sidecar = await asyncio.create_subprocess_exec(
            sys.executable, *command, "--listen", URL.removeprefix("http://")
        )
        try:
            await ready_after(URL, 0.0)
            await report(sidecar.pid, wrk, connections, seconds)
        finally:
            sidecar.terminate()
            await sidecar.wait()
            targets.kill()


async def report(pid: int, wrk: str, connections: int, seconds: int) -> None:
    print(f"{connections} connections, {seconds} s each; probes every {INTERVAL_SECONDS} s")
    heads = ("requests/s", "p50", "p99", "errors", "late, p99", "missed")
    print(f"{'':26}" + "".join(f"{head:>12}" for head in heads))
    for name, headers in REQUESTS.items():
        delays_before, runs_before, missed_before = await probe_figures()
        output = await load(wrk, name.partition(",")[0], headers, connections, seconds)
        delays, runs, missed = await probe_figures()
        during = {bound: delays[bound] - delays_before[bound] for bound in delays}
        late = f"<= {quantile_bound(during, 0.99):g} s"
        share = f"{missed - missed_before:.0f} of {runs - runs_before:.0f}"
        row = (figure(output, RATE), figure(output, P50), figure(output, P99), figure(output, ERRORS, "0"))
        print(f"{name:26}" + "".join(f"{cell:>12}" for cell in (*row, late, share)))
    print(f"resident memory {resident_mib(pid):.1f} MiB, CPU {cpu_seconds(pid):.1f} s in all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dependencies", type=int, default=10)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=10)
    arguments = parser.parse_args()
    wrk = shutil.which("wrk")
    if wrk is None:
        print("http_load: skipped, there is no wrk here; it is a package of Debian's")
        return
    asyncio.run(measure(wrk, arguments.dependencies, arguments.connections, arguments.seconds))


if __name__ == "__main__":
    main()
