"""What goes on in the process, and in the files, while a spool is read."""

from __future__ import annotations

import gc
from collections.abc import Iterator, MutableSequence
from pathlib import Path
from typing import Any

import pytest

from pipeline import metrics
from pipeline.meter import Meter
from pipeline.series import CallSeries
from sidecar.spool.reader import SpoolReader
from tests.collected import collections_during
from tests.sidecar.spool.spools import counter, write


class KilledError(BaseException):
    pass


class Mortal:
    """The values of a file whose worker is killed when it has no life left for a store."""

    def __init__(self, values: MutableSequence[float], lives: Iterator[int]) -> None:
        self._values = values
        self._lives = lives

    def __setitem__(self, index: int, value: float) -> None:
        if next(self._lives, None) is None:
            raise KilledError
        self._values[index] = value


@pytest.mark.parametrize("stores", range(3))
def test_a_worker_that_is_killed_while_it_counts_leaves_that_one_call_counted_in_part(
    tmp_path: Path, stores: int
) -> None:
    meter = Meter.spooling(tmp_path)
    calls = meter.counter(metrics.PIPELINE_CALLS, "intake", "openrouter", "success")
    seconds = meter.histogram(metrics.PIPELINE_CALL_DURATION, "intake", "openrouter")
    series = CallSeries(calls, seconds)
    series.count(1.0)
    lives = iter(range(stores))
    *_, total = seconds.parts
    files: list[Any] = [calls.total.file, total.file]
    whole = [file.values for file in files]
    for file in files:
        file.values = Mortal(file.values, lives)
    with pytest.raises(KilledError):
        series.count(1.0)
    for file, values in zip(files, whole, strict=True):
        file.values = values
    meter.close()

    read = {
        sample.name.removeprefix("pipeline_call"): sample.value
        for family in SpoolReader(tmp_path).read().families
        for sample in family.samples
    }
    counted = [read[name] for name in ("s_total", "_duration_seconds_sum", "_duration_seconds_count")]
    assert sorted(counted) == [1.0] * (3 - stores) + [2.0] * stores


def test_no_garbage_is_looked_for_while_series_are_made_known(tmp_path: Path) -> None:
    write(tmp_path / "counter_1.db", *(counter(1, name=f"jobs_{number}") for number in range(200)))
    reader = SpoolReader(tmp_path)
    usual = gc.get_threshold()
    gc.set_threshold(10)
    try:
        assert collections_during(lambda: [[] for _ in range(1000)]) > 10
        assert collections_during(reader.read) <= 1  # when it is over
    finally:
        gc.set_threshold(*usual)
    assert gc.isenabled()
