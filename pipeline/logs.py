"""Log events as lines on standard error, each with the job and the layer that it belongs to."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TextIO

from pipeline.context import current_layer
from pipeline.metrics import NO_LAYER

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, ProcessorReturnValue


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


_OURS: Final = logging.getLogger("pipeline")
_LEVELS: Final = {name.lower(): level for name, level in logging.getLevelNamesMapping().items()}
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


class _EventsToStandardError:
    """Writes our own events there. By way of `logging` each would take twice as long."""

    def info(self, line: str) -> None:
        # Who does not listen must not stop a job.
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    warning = error = critical = info


def _filter_by_level(_logger: object, name: str, event: EventDict) -> EventDict:
    """As structlog's own, by the level that our loggers of `logging` have: a live view raises it."""
    from structlog import DropEvent

    if not _OURS.isEnabledFor(_LEVELS[name]):
        raise DropEvent
    return event


def _add_layer(_logger: object, _name: str, event: EventDict) -> EventDict:
    layer = current_layer()
    if layer != NO_LAYER:
        event.setdefault("layer", layer)
    return event


@lru_cache(maxsize=1)
def _time_of_day(second: int) -> str:
    """Made once a second: the local time is looked up in a file."""
    return time.strftime("%H:%M:%S", time.localtime(second))


def _add_time_of_day(_logger: object, _name: str, event: EventDict) -> EventDict:
    event["timestamp"] = _time_of_day(int(time.time()))
    return event


def configure_logging(log_format: LogFormat = LogFormat.TEXT) -> None:
    """Our events from info on; libraries speak from warnings on, with nobody's request in them."""
    import structlog

    is_json = log_format is LogFormat.JSON
    time_stamper: Processor = (
        structlog.processors.TimeStamper(fmt="iso", utc=True) if is_json else _add_time_of_day
    )
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_layer,
        structlog.processors.add_log_level,
        time_stamper,
    ]
    render = _as_json() if is_json else _as_text()
    handler = _StandardError(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    _OURS.setLevel(logging.INFO)
    structlog.configure(
        processors=[_filter_by_level, *before, *render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _EventsToStandardError(),
    )


def _as_json() -> list[Processor]:
    import structlog

    # As one text: the structured one holds local variables, and prompts are among them.
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _as_text() -> list[Processor]:
    import structlog

    in_colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    console = structlog.dev.ConsoleRenderer(
        colors=in_colours,
        pad_event_to=_EVENT_WIDTH,
        sort_keys=False,
        # Never the variant that prints local variables: prompts and keys are among them.
        exception_formatter=structlog.dev.plain_traceback,
    )
    return [console if in_colours else _PlainLines(console)]


class _PlainLines:
    """The console's lines without colours, in a fifth of the time that it takes for them."""

    def __init__(self, console: Processor) -> None:
        """`console` writes what is more than a line."""
        self._console = console

    def __call__(self, logger: object, name: str, event: EventDict) -> ProcessorReturnValue:
        if not event.keys() >= _HEAD or not _TRACEBACKS.isdisjoint(event):
            return self._console(logger, name, event)
        fields = " ".join(f"{key}={_shown(value)}" for key, value in event.items() if key not in _HEAD)
        head = f"{event['timestamp']} [{event['level']:<{_LEVEL_WIDTH}}] {event['event']:<{_EVENT_WIDTH}}"
        return f"{head} {fields}".rstrip(" ")


def _shown(value: object) -> str:
    return value if isinstance(value, str) and _QUOTED.isdisjoint(value) else repr(value)
