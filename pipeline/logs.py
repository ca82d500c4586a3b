"""Log events as lines on standard error, each with the job and the layer that it belongs to."""

from __future__ import annotations

import logging
import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    import structlog


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


_EVENT_WIDTH: Final = 14
_LEVEL_WIDTH: Final = 9
_HEAD: Final = frozenset(("timestamp", "level", "event"))
_TRACEBACKS: Final = frozenset(("exc_info", "exception", "stack_info", "stack"))
_QUOTED: Final = frozenset(" \t=\r\n\"'")


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at that moment: a live view puts itself there while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _PlainLines(logging.Formatter):
    """Our events as structlog's own lines without colours, in a fifth of the time that it takes for them."""

    def __init__(self, others: logging.Formatter) -> None:
        """`others` has what is more than a line, and what libraries say."""
        super().__init__()
        self._others = others

    def format(self, record: logging.LogRecord) -> str:
        event: object = record.msg
        if not isinstance(event, dict) or not event.keys() >= _HEAD or not _TRACEBACKS.isdisjoint(event):
            return self._others.format(record)
        fields = " ".join(f"{key}={_shown(value)}" for key, value in event.items() if key not in _HEAD)
        head = f"{event['timestamp']} [{event['level']:<{_LEVEL_WIDTH}}] {event['event']:<{_EVENT_WIDTH}}"
        return f"{head} {fields}".rstrip(" ")


def _shown(value: object) -> str:
    return value if isinstance(value, str) and _QUOTED.isdisjoint(value) else repr(value)


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
    in_colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *(_as_json() if is_json else _as_text(in_colours=in_colours)),
        ],
    )
    handler = _StandardError(sys.stderr)
    handler.setFormatter(formatter if is_json or in_colours else _PlainLines(formatter))
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


def _as_text(*, in_colours: bool) -> list[structlog.typing.Processor]:
    import structlog

    return [
        structlog.dev.ConsoleRenderer(
            colors=in_colours,
            pad_event_to=_EVENT_WIDTH,
            sort_keys=False,
            # Never the variant that prints local variables: prompts and keys are among them.
            exception_formatter=structlog.dev.plain_traceback,
        )
    ]
