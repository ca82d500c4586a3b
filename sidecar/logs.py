"""Logs are events with fields, on standard error: for people on a terminal, JSON elsewhere if asked."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog

from sidecar.redaction import Redactor


def set_up_logs(level: str, log_format: str, redactor: Redactor) -> None:
    """Send this process's events, and what libraries log, to standard error, without a secret in any."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            lambda _logger, _method, event: cast("dict[str, object]", redactor.clean_value(event)),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _ForWhoListens(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_CleanFormatter(redactor))
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)
    # A library's warning can quote what it was given, and would go to standard error as it is.
    logging.captureWarnings(capture=True)


class _ForWhoListens:
    """Standard error. That nobody reads it any more, or that its disk is full, must stop no probe."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


class _CleanFormatter(logging.Formatter):
    """What a library logs can quote anything that it was given."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(levelname)s %(name)s %(message)s")
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.clean(super().format(record))
