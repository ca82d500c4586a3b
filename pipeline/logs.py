"""Log events as lines on standard error, each with the job and the layer that it belongs to."""

from __future__ import annotations

import logging
import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import structlog


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at that moment: a live view puts itself there while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def configure_logging(log_format: LogFormat = LogFormat.TEXT) -> None:
    """Our events from info on; libraries speak from warnings on, with nobody's request in them."""
    import structlog

    is_json = log_format is LogFormat.JSON
    time_stamper = (
        structlog.processors.TimeStamper(fmt="iso", utc=True)
        if is_json
        else structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
    )
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        time_stamper,
    ]
    handler = _StandardError(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_as_json() if is_json else _as_text()),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("pipeline").setLevel(logging.INFO)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def _as_json() -> list[structlog.typing.Processor]:
    import structlog

    # As one text: the structured one holds local variables, and prompts are among them.
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _as_text() -> list[structlog.typing.Processor]:
    import structlog

    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty() and not os.environ.get("NO_COLOR"),
            pad_event_to=14,
            sort_keys=False,
            # Never the variant that prints local variables: prompts and keys are among them.
            exception_formatter=structlog.dev.plain_traceback,
        )
    ]
