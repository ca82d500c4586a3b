"""What a scrape of the spool costs, beside prometheus_client's own collector on the same files.

    python benchmarks/spool.py [--rounds 25]

Ours: list, read and merge the files, and write the text; as the sidecar does for each scrape, with a lease
held for every worker. Stock: `generate_latest` of a `MultiProcessCollector`. Both in the same process and in
turns, and before each the workers, which are in another process, change values. A figure is the best round;
`cold` is ours of the first scrape. It ends with status 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import fcntl
import gc
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client import generate_latest
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families

from sidecar.exposition import TEXT, Renderer
from sidecar.spool.reader import SpoolReader

LAYERS = ("intake", "pain_points", "research", "opportunity", "people", "generation", "publish")
DEPENDENCIES = ("mongodb", "firecrawl", "openrouter", "pdf_service")
OUTCOMES = ("success", "error", "timeout")
BOUNDS = [str(0.01 * 2**n) for n in range(14)] + ["+Inf"]
CHANGES = 20
"""Values that a worker changes between two scrapes."""
TARGET_RATIO = {1: 3.0, 64: 20.0}
TARGET_MILLISECONDS = {10_000: 10.0, 100_000: 150.0}


class Entry(NamedTuple):
    file: str
    key: str
    is_count: bool


class Figures(NamedTuple):
    """Milliseconds a scrape."""

    lines: int
    stock: float
    ours: float
    cold: float
    ratio: float


def entry(file: str, family: str, suffix: str, *, is_count: bool = True, **labels: str) -> Entry:
    key = mmap_key(family, family + suffix, list(labels), list(labels.values()), f"The {family}.")
    return Entry(file, key, is_count)


def calls() -> Iterator[Entry]:
    """Seven layers and four dependencies: 567 lines."""
    yield entry("counter", "pipeline_jobs", "_total")
    for layer in LAYERS:
        for dependency in DEPENDENCIES:
            both = {"layer": layer, "dependency": dependency}
            for outcome in OUTCOMES:
                yield entry("counter", "pipeline_calls", "_total", **both, outcome=outcome)
            yield entry("histogram", "pipeline_call_duration_seconds", "_sum", is_count=False, **both)
            for bound in BOUNDS:
                yield entry("histogram", "pipeline_call_duration_seconds", "_bucket", **both, le=bound)


def many(series: int) -> Iterator[Entry]:
    """Counters, half of them of money."""
    for number in range(series // 2):
        labels = {"customer": f"customer {number}", "dependency": DEPENDENCIES[number % 4]}
        yield entry("counter", "app_requests", "_total", **labels)
        yield entry("counter", "app_cost_usd", "_total", is_count=False, **labels)


class Worker:
    """Writes as prometheus_client does."""

    def __init__(self, spool: Path, name: str, entries: list[Entry]) -> None:
        self._files: dict[str, Any] = {}
        self._entries = entries
        self._chance = random.Random(name)
        self._values = [0.0] * len(entries)
        self._name = name
        self._spool = spool
        self._next = 0
        self._lease = os.open(spool / f"{name}.lease", os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._lease, fcntl.LOCK_EX)
        self.work(len(entries))

    def work(self, changes: int = CHANGES) -> None:
        for _ in range(changes):
            number = self._next
            self._next = (number + 1) % len(self._entries)
            file, key, is_count = self._entries[number]
            if file not in self._files:
                self._files[file] = MmapedDict(str(self._spool / f"{file}_{self._name}.db"))
            self._values[number] += self._chance.randrange(1, 9) if is_count else self._chance.random()
            self._files[file].write_value(key, self._values[number], 0.0)

    def close(self) -> None:
        for file in self._files.values():
            file.close()
        os.close(self._lease)


def live(spool: Path, workers: int, entries: list[Entry], told: Connection) -> None:
    """Be the workers, in a process of their own, and work on whenever told to."""
    living = [Worker(spool, f"host-{number}", entries) for number in range(workers)]
    told.send("written")
    while told.recv() == "work":
        for worker in living:
            worker.work()
        told.send("written")
    for worker in living:
        worker.close()


@contextmanager
def spool_of(workers: int, entries: list[Entry]) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A spool, and what makes its workers change it."""
    with tempfile.TemporaryDirectory() as folder:
        tell, told = Pipe()
        process = Process(target=live, args=(Path(folder), workers, entries, told), daemon=True)
        process.start()
        tell.recv()

        def work() -> None:
            tell.send("work")
            tell.recv()

        yield Path(folder), work
        tell.send("end")
        process.join()


def timed(scrape: Callable[[], bytes]) -> tuple[float, bytes]:
    started = time.perf_counter()
    text = scrape()
    return (time.perf_counter() - started) * 1000, text


def compare(workers: int, entries: list[Entry], rounds: int) -> Figures:
    with spool_of(workers, entries) as (spool, work):
        reader, renderer = SpoolReader(spool), Renderer()
        collector = MultiProcessCollector(None, str(spool))

        def ours() -> bytes:
            return renderer.render(reader.read().families, TEXT)

        def stock() -> bytes:
            return generate_latest(collector)

        cold, text = timed(ours)
        check_same(text, stock())
        times: list[tuple[float, float]] = []
        gc.collect()
        gc.disable()
        for _ in range(rounds):
            work()
            our_time, text = timed(ours)
            work()
            times.append((timed(stock)[0], our_time))
        gc.enable()
        check_same(ours(), stock())
        best_stock, best_ours = (min(one) for one in zip(*times, strict=True))
        return Figures(len(text.splitlines()), best_stock, best_ours, cold, best_stock / best_ours)


def check_same(ours: bytes, stock: bytes) -> None:
    """Series by series; sums are added up in another order."""
    our_values, stock_values = values_in(ours), values_in(stock)
    if our_values.keys() != stock_values.keys():
        raise SystemExit(f"not the same series: {sorted(our_values.keys() ^ stock_values.keys())[:5]}")
    for series, value in our_values.items():
        if not math.isclose(value, stock_values[series], rel_tol=1e-12):
            raise SystemExit(f"{series} is {value}, and stock says {stock_values[series]}")


def values_in(text: bytes) -> dict[tuple[Any, ...], float]:
    return {
        (family.type, family.documentation, sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    hold = []
    print(f"{'':34}{'lines':>8}{'stock':>12}{'ours':>12}{'cold':>12}{'ratio':>8}")
    for workers, target in TARGET_RATIO.items():
        figures = compare(workers, list(calls()), options.rounds)
        hold.append(figures.ratio >= target)
        report(f"{workers} live worker{'s' * (workers > 1)}", figures, f"≥ {target:g}×", holds=hold[-1])
    for series, milliseconds in TARGET_MILLISECONDS.items():
        figures = compare(1, list(many(series)), max(3, options.rounds * 10_000 // series))
        hold.append(figures.ours < milliseconds)
        report(f"{series:,} series of one worker", figures, f"< {milliseconds:g} ms", holds=hold[-1])
    return 0 if all(hold) else 1


def report(what: str, figures: Figures, target: str, *, holds: bool) -> None:
    print(
        f"{what:34}{figures.lines:8,}{figures.stock:9.2f} ms{figures.ours:9.2f} ms{figures.cold:9.2f} ms"
        f"{figures.ratio:7.1f}×   {'ok' if holds else 'MISSED'} ({target})"
    )


if __name__ == "__main__":
    sys.exit(main())
