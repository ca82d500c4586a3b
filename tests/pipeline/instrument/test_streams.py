"""How a stream's end is judged, and what it costs whose items could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from pipeline import Charge
from pipeline.instrument.answers import NoAnswerError
from pipeline.instrument.streams import StreamedCall
from pipeline.metrics import PriceSource
from pipeline.prices import CEILING_USD_PER_CALL
from tests.pipeline.limited import Limited


class Usage:
    """Cannot read an item that is None; knows what all of them cost."""

    failure: NoAnswerError | None = None

    def __init__(self, usd: float) -> None:
        self.usd = usd

    def see(self, item: object) -> None:
        if item is None:
            raise ValueError("no item")

    def charge(self) -> Charge | None:
        return Charge(self.usd, PriceSource.TABLE, "m")


class Stream:
    """As the SDKs'."""

    def __init__(self, *items: object) -> None:
        self._iterator: Iterator[object] = iter(items)
        self.response = SimpleNamespace(close=lambda: None)

    def read(self) -> tuple[object, ...]:
        return tuple(self._iterator)


def read(
    limited: Limited, *items: object, max_usd: float = 0.5, is_late: bool = False, usd: float = 0.1
) -> None:
    """Make a call whose answer is a stream of these, and read all of it."""
    dependency = limited.dependency
    call = dependency.begin(is_stream=True)
    call.ask(max_usd=max_usd)
    dependency.enter(call)
    streamed = StreamedCall(dependency, call, Usage(usd))
    if is_late:
        streamed.waited(dependency.call_timeout_seconds + 1)
    stream = Stream(*items)
    streamed.follow(stream)
    assert stream.read() == items


def outcome(limited: Limited) -> str:
    (only,) = (
        sample.labels["outcome"]
        for family in limited.registry.collect()
        for sample in family.samples
        if sample.name == "pipeline_calls_total" and sample.value
    )
    return only


@pytest.mark.parametrize(
    ("items", "max_usd", "is_late", "expected"),
    [
        (("Well",), 0.5, False, "success"),
        ((), 0.5, False, "error"),  # a page with status 200 looks like that to the SDKs
        ((), 0.0, False, "success"),
        ((), 0.5, True, "timeout"),
        (("Well",), 0.5, True, "timeout"),
    ],
)
def test_a_stream_of_nothing_is_an_answer_where_it_is_free_and_late_where_it_is_late(
    items: tuple[str, ...], max_usd: float, is_late: bool, expected: str
) -> None:
    limited = Limited()
    read(limited, *items, max_usd=max_usd, is_late=is_late)
    assert outcome(limited) == expected


@pytest.mark.parametrize(
    ("items", "usd", "spent_usd"),
    [
        (("Well", "then"), 0.1, 0.1),
        (("Well", None), 0.1, CEILING_USD_PER_CALL),
        (("Well", None), 0.4, 0.4),
    ],
)
def test_where_an_item_could_not_be_read_the_ceiling_is_the_least_that_it_costs(
    items: tuple[object, ...], usd: float, spent_usd: float
) -> None:
    limited = Limited()
    read(limited, *items, usd=usd)
    assert limited.ledger.state().spent_nano_usd == pytest.approx(spent_usd * 1e9)
