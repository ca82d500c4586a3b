"""What the guard costs: time per call, beside what people write by hand; memory, and whether it grows.

    python benchmarks/overhead.py [--calls 20000] [--rounds 7] [--growth-calls 1000000]

Ours: a call through `Dependency`, that is breaker, timeout, outcome counter, breaker counter and duration
histogram, every count in the spool. The peers, in the same process and in turns: circuitbreaker with a
counter and a histogram of prometheus_client in multiprocess mode, written as its README shows (`labels` at
each call) and with the children kept; the same with `asyncio.timeout`, which the guard has too; and bare
breakers, which count nothing and limit no time. A figure is the best round. It ends with status 1 where a
target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

TARGET_RATIO = 0.5
TARGET_BYTES_PER_DEPENDENCY = 50 * 1024
MAX_GROWTH_BYTES = 64 * 1024
MANY_DEPENDENCIES = 200
BOUNDS = tuple(0.01 * 2**n for n in range(16))
LABELS = ("none", "openrouter")

Call = Callable[[], Awaitable[Any]]


async def answer() -> int:
    return 1


def ours(spool: str) -> Call:
    from pipeline import Dependency, Meter

    dependency = Dependency("openrouter", meter=Meter.spooling(spool))
    return functools.partial(dependency.call, answer)


def by_hand(*, keep_children: bool, limit_time: bool) -> Call:
    import circuitbreaker
    from prometheus_client import CollectorRegistry, Counter, Histogram

    registry = CollectorRegistry()
    calls = Counter("calls", "Calls.", ["layer", "dependency", "outcome"], registry=registry)
    duration = Histogram("seconds", "Duration.", ["layer", "dependency"], buckets=BOUNDS, registry=registry)
    guarded = circuitbreaker.CircuitBreaker(failure_threshold=5)(answer)
    children = {outcome: calls.labels(*LABELS, outcome) for outcome in ("success", "error")}
    kept = duration.labels(*LABELS)

    def count(outcome: str, seconds: float) -> None:
        if keep_children:
            children[outcome].inc()
            kept.observe(seconds)
        else:
            calls.labels(*LABELS, outcome).inc()
            duration.labels(*LABELS).observe(seconds)

    async def call() -> int:
        started = time.monotonic()
        try:
            got: int = await guarded()
        except Exception:
            count("error", time.monotonic() - started)
            raise
        count("success", time.monotonic() - started)
        return got

    async def call_in_time() -> int:
        async with asyncio.timeout(60):
            return await call()

    return call_in_time if limit_time else call


def bare_circuitbreaker() -> Call:
    import circuitbreaker

    call: Call = circuitbreaker.CircuitBreaker(failure_threshold=5)(answer)
    return call


def bare_pybreaker() -> Call:
    import pybreaker

    breaker = pybreaker.CircuitBreaker()

    async def call() -> object:
        # It has no asyncio face but tornado's; this is its synchronous one, the least that a call pays.
        return breaker.call(int)

    return call


async def nanoseconds_per_call(call: Call, calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        await call()
    return (time.perf_counter() - started) / calls * 1e9


async def compare(calls: int, rounds: int, spool: str) -> dict[str, float]:
    subjects: dict[str, Call] = {
        "ours": ours(spool),
        "by hand": by_hand(keep_children=False, limit_time=False),
        "by hand, children kept": by_hand(keep_children=True, limit_time=False),
        "by hand, children kept, with a timeout": by_hand(keep_children=True, limit_time=True),
        "circuitbreaker, bare": bare_circuitbreaker(),
        "pybreaker, bare": bare_pybreaker(),
        "no guard": answer,
    }
    best = dict.fromkeys(subjects, float("inf"))
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, call in subjects.items():
                best[name] = min(best[name], await nanoseconds_per_call(call, calls))
    finally:
        gc.enable()
    return best


def bytes_per_dependency() -> float:
    from pipeline import Dependency, Meter

    with tempfile.TemporaryDirectory() as spool:
        meter = Meter.spooling(spool)
        Dependency("first", meter=meter)
        gc.collect()
        tracemalloc.start()
        kept = [Dependency(f"dependency_{number}", meter=meter) for number in range(MANY_DEPENDENCIES)]
        gc.collect()
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        meter.close()
        return used / len(kept)


async def growth_bytes(calls: int, spool: str) -> int:
    """What is allocated after so many calls more than after the first thousand."""
    call = ours(spool)

    async def make(number: int) -> None:
        for _ in range(number):
            await call()

    await make(1000)
    gc.collect()
    before = resident_bytes()
    await make(calls)
    gc.collect()
    return resident_bytes() - before


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as spool:
        best = asyncio.run(compare(options.calls, options.rounds, f"{spool}/time"))
        growth = asyncio.run(growth_bytes(options.growth_calls, f"{spool}/growth"))
    for name, nanoseconds in best.items():
        print(f"{name:<42}{nanoseconds:8,.0f} ns a call   {best['ours'] / nanoseconds:6.2f}×")
    memory = bytes_per_dependency()
    ratio = best["ours"] / best["by hand"]
    rows = (
        ("ours / by hand", f"{ratio:.2f}", ratio <= TARGET_RATIO, f"≤ {TARGET_RATIO}"),
        (
            "memory per dependency",
            f"{memory / 1024:.1f} KiB",
            memory < TARGET_BYTES_PER_DEPENDENCY,
            "< 50 KiB",
        ),
        (
            f"growth over {options.growth_calls:,} calls",
            f"{growth / 1024:.0f} KiB",
            growth < MAX_GROWTH_BYTES,
            "< 64 KiB",
        ),
    )
    print()
    for what, value, holds, target in rows:
        print(f"{what:<42}{value:>12}   {'ok' if holds else 'MISSED'} ({target})")
    return 0 if all(holds for _, _, holds, _ in rows) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000, help="calls a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--growth-calls", type=int, default=1_000_000, help="10000000 takes a minute")
    parser.add_argument("--in-child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_child:
        return measure(options)
    # prometheus_client decides on its multiprocess mode when it is imported.
    with tempfile.TemporaryDirectory() as directory:
        return subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--in-child"],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": directory},
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
