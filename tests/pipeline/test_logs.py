from __future__ import annotations

import logging
from typing import Any

import pytest
import structlog

from pipeline.logs import _as_text, _PlainLines

HEAD = {"timestamp": "17:49:01", "level": "info", "event": "job.started"}


def by_structlog() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_log_level],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_as_text(in_colours=False)],
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
    record = logging.makeLogRecord({"msg": event, "_logger": None, "_name": "info"})
    assert _PlainLines(by_structlog()).format(record) == by_structlog().format(record)


def test_what_libraries_say_is_structlogs_line_too() -> None:
    record = logging.makeLogRecord({"msg": "%d retries", "args": (3,), "levelname": "WARNING"})
    assert "3 retries" in _PlainLines(by_structlog()).format(record)
    record = logging.makeLogRecord({"msg": {"a": "dict"}})
    assert "dict" in _PlainLines(by_structlog()).format(record)
