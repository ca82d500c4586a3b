from __future__ import annotations

import io
import logging
import sys
import time
from datetime import datetime
from typing import Any

import pytest
import structlog

from pipeline import running_layer
from pipeline.logs import (
    _add_layer,
    _add_time_of_day,
    _EventsToStandardError,
    _filter_by_level,
    _PlainLines,
)

HEAD = {"timestamp": "17:49:01", "level": "info", "event": "job.started"}
CONSOLE = structlog.dev.ConsoleRenderer(
    colors=False, pad_event_to=14, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
)


@pytest.mark.parametrize(
    "event",
    [
        HEAD,
        {**HEAD, "event": "an event longer than its place", "level": "critical"},
        {"job": "0123", **HEAD, "cost_usd": 0.25, "files": 7, "reason": None, "layer": ""},
        {
            **HEAD,
            "reason": "has blanks",
            "source": "a=b",
            "name": "o'clock",
            "lines": "a\nb\r\t",
            "text": '"',
        },
        {**HEAD, "list": ["a b"], "bytes": b"a", "zoe": "Zoë"},
        {**HEAD, "stack": "where it came from"},
        {**HEAD, "exc_info": ValueError("no value")},
        {"event": "without a head"},
    ],
)
def test_plain_line_is_structlogs_own(event: dict[str, Any]) -> None:
    assert _PlainLines(CONSOLE)(None, "info", dict(event)) == CONSOLE(None, "info", dict(event))


class Deaf(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("deaf", [Deaf(), io.StringIO()])
def test_a_log_that_nobody_reads_stops_nobody(deaf: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    if not isinstance(deaf, Deaf):
        deaf.close()
    monkeypatch.setattr(sys, "stderr", deaf)
    _EventsToStandardError().info("line")


def test_a_line_goes_to_what_standard_error_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    _EventsToStandardError().info("line")
    assert capsys.readouterr().err == "line\n"


def test_the_level_of_our_logger_holds_for_events(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="pipeline"):
        assert _filter_by_level(None, "warning", {"event": "told"}) == {"event": "told"}
        with pytest.raises(structlog.DropEvent):
            _filter_by_level(None, "info", {"event": "not told"})


def test_an_event_tells_the_layer_that_it_happened_in() -> None:
    with running_layer("pain_points"):
        assert _add_layer(None, "info", {"event": "told"}) == {"event": "told", "layer": "pain_points"}
        assert _add_layer(None, "info", {"layer": "given"}) == {"layer": "given"}
    assert _add_layer(None, "info", {"event": "told"}) == {"event": "told"}


def test_the_time_of_day_is_that_of_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    for now in (1_800_000_000.9, 1_800_000_001.0, 1_800_003_600.0):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        told = datetime.fromtimestamp(int(now)).strftime("%H:%M:%S")  # noqa: DTZ006  (as the user's clock shows it)
        assert _add_time_of_day(None, "info", {}) == {"timestamp": told}
